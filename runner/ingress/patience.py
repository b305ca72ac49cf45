"""Patience: whoever waits longer than a moment for an answer is told so, with one timer for all."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

_MOMENT_S: Final = 0.02
"""One to two times this passes: most answers are there before."""


class Waiting(Protocol):
    """Wants to know that the moment has passed."""

    def watch(self) -> None: ...


class Patience:
    """Calls ``watch`` of what was begun and has not ended after a moment."""

    def __init__(self) -> None:
        self._young: set[Waiting] = set()
        self._old: set[Waiting] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, waiting: Waiting) -> None:
        self._young.add(waiting)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_MOMENT_S, self._sweep)

    def end(self, waiting: Waiting) -> None:
        self._young.discard(waiting)
        self._old.discard(waiting)

    def _sweep(self) -> None:
        for waiting in self._old:
            waiting.watch()
        self._old, self._young = self._young, set()
        self._timer = None
        if self._old:
            self._timer = asyncio.get_running_loop().call_later(_MOMENT_S, self._sweep)
