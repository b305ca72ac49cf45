"""Exit codes, and the error of whoever called a command wrongly."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the command line answers to its caller."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    UNAVAILABLE = 5


class UsageError(Exception):
    """The command line itself is wrong; the text says how, and what to do."""
