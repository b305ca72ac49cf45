"""What a ``dev`` leaves in its folder for the other commands: ``.isolane/dev.json``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

STATE: Final = Path(".isolane")


class DevState(msgspec.Struct, frozen=True):
    """A ``dev`` that runs."""

    pid: int
    http: str
    postgres: str = ""
    nats: str = ""
    control: str = ""
    token: str = ""

    def __repr__(self) -> str:
        return f"DevState({self.pid}, {self.control})"


def read_dev_state() -> DevState | None:
    """Return the ``dev`` that runs in the current folder, if one does."""
    try:
        state = msgspec.json.decode((STATE / "dev.json").read_bytes(), type=DevState)
        os.kill(state.pid, 0)
    except PermissionError:
        return None
    except (OSError, msgspec.MsgspecError):
        return None
    return state
