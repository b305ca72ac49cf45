"""``isolane version``."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def main(options: argparse.Namespace) -> int:
    stpyv8 = version("stpyv8")
    # The package's version is V8's, with its own build number in the third place.
    versions = {
        "isolane": version("isolane"),
        "stpyv8": stpyv8,
        "v8": stpyv8.rpartition(".")[0],
        "python": platform.python_version(),
    }
    if options.json:
        print(json.dumps(versions))
    else:
        print(f"isolane {versions['isolane']} (stpyv8 {stpyv8}, Python {versions['python']})")
    return 0
