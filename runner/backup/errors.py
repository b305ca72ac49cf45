"""Errors of backups. Each text says what happened to which backup, and what became of the database."""

from __future__ import annotations

from runner.errors import ConflictError, RunnerError


class BackupError(RunnerError):
    """A backup can not be made, kept, read or restored."""


class DamagedBackupError(BackupError):
    """A file is no backup, or not as it was written; nothing was done with it."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"{name} can not be used: {reason}")


class NewerBackupError(BackupError):
    """A newer version made it; nothing was done with it."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(
            f"{name} is of a newer version of Isolane: {reason}; restore it with that one"
        )


class BackupPlaceError(BackupError):
    """The folder or bucket of backups does not do what is asked of it."""

    def __init__(self, place: str, reason: str) -> None:
        self.place = place
        self.reason = reason
        super().__init__(f"{place}: {reason}")


class NotEmptyError(ConflictError):
    """The database to restore into is somebody's already; nothing was done."""
