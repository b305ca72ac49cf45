"""``isolane snapshot``: builds the V8 startup snapshot, or checks the one there is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runner.config import load_settings

if TYPE_CHECKING:
    import argparse


def main(options: argparse.Namespace) -> int:
    from pools.v8.engine import flags_for
    from snapshot.build import build_in_child, ensure_snapshot, open_blob

    settings = load_settings()
    flags, jitless = settings.v8_flags, settings.v8_jitless
    if options.output is not None:
        path = options.output
        if not options.check:
            build_in_child(path, flags_for(flags, jitless=jitless))
    else:
        path = ensure_snapshot(settings.snapshot_dir, flags, jitless=jitless)
    fd = open_blob(path, flags, jitless=jitless)
    size = os.fstat(fd).st_size
    os.close(fd)
    print(f"{path}: {size / 1000:.0f} kB, good")
    return 0
