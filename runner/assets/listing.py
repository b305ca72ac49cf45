"""Which static files a deployment may have. Must not know where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from runner.assets.paths import is_name
from runner.errors import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_FILE_BYTES: Final = 10 << 20
MAX_BYTES: Final = 64 << 20
"""Of all files of a deployment."""
MAX_FILES: Final = 5000
_SHOWN: Final = 200


def check_listing(sizes: Mapping[str, int]) -> None:
    """Refuse what no deployment may have: names that no request can mean, too large or too many files. It may come from anyone.

    Raises
    ------
    DeploymentError
        It says which file, and why.

    """
    if len(sizes) > MAX_FILES:
        raise DeploymentError(f"a deployment has at most {MAX_FILES} static files")
    for path, size in sizes.items():
        if not is_name(path):
            raise DeploymentError(
                f"{path[:_SHOWN]!r} is no path of a static file: it must be relative to their folder, and not hidden"
            )
        if size > MAX_FILE_BYTES:
            raise DeploymentError(
                f"{path[:_SHOWN]} is too large: a static file has at most {MAX_FILE_BYTES >> 20} MiB; larger ones"
                " belong into object storage ([assets] storage)"
            )
    if sum(sizes.values()) > MAX_BYTES:
        raise DeploymentError(
            f"the static files of a deployment have at most {MAX_BYTES >> 20} MiB in all; more belongs into object"
            " storage ([assets] storage)"
        )
