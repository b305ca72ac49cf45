"""How far a backup or a restore is, for whoever wants to be told."""

from __future__ import annotations

from typing import Literal, Protocol

Unit = Literal["rows", "bytes"]


class Progress(Protocol):
    """Is told of stages, one after another."""

    def begin(self, stage: str, total: int, unit: Unit) -> None:
        """Note that a stage begins; ``total`` may be an estimate."""
        ...

    def advance(self, amount: int) -> None: ...


class Unwatched:
    """For nobody."""

    def begin(self, stage: str, total: int, unit: Unit) -> None:
        pass

    def advance(self, amount: int) -> None:
        pass
