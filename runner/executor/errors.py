"""Errors of the task executor. What goes wrong inside a task is data, never one of these."""

from __future__ import annotations

from runner.errors import RunnerError


class RootError(RunnerError):
    """The folder of the scripts can not be used."""

    def __init__(self, root: str, reason: str) -> None:
        self.root = root
        self.reason = reason
        super().__init__(f"Root directory '{root}' does not exist or is not accessible: {reason}")


class ScriptRefusedError(RunnerError):
    """A task names a script that is not there, or is not to be run; the text is the task's error."""


class TaskTableError(RunnerError):
    """A table is none from which tasks can be taken."""

    def __init__(self, table: str, reason: str) -> None:
        self.table = table
        self.reason = reason
        super().__init__(f"the table {table} can not be listened to: {reason}")


class TaskStreamError(RunnerError):
    """JetStream refuses what the executor needs of it."""
