"""What the runner takes from the snapshot package: the blob for its hosts, the tools for itself.

Stays cheap to import: ``isolane run`` needs it first of all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import DeploymentError

if TYPE_CHECKING:
    from runner.config import Settings


def open_snapshot(settings: Settings) -> int:
    """Return a descriptor of the V8 snapshot's blob, which is built if it is missing.

    Raises
    ------
    SnapshotError, BundleMissingError
        There is none, and none can be made.

    """
    from snapshot.build import ensure_snapshot, open_blob

    flags, jitless = settings.v8_flags, settings.v8_jitless
    path = ensure_snapshot(settings.snapshot_dir, flags, jitless=jitless)
    return open_blob(path, flags, jitless=jitless)


def read_strip_tool() -> str:
    """Return the worker that strips types.

    Raises
    ------
    DeploymentError
        The bundle was made without it.

    """
    from snapshot.bundle import read_bundle

    tool = read_bundle().tools.get("strip-types")
    if tool is None:
        raise DeploymentError("this build of Isolane has no tool for TypeScript")
    return tool
