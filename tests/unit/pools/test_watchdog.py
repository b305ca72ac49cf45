"""The watchdog looks while there is something to look at, and rests otherwise."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import pytest

from pools.watchdog import TurnWatch, Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class _OverError(Exception):
    """The test has ended."""


class _Looks:
    """In the place of a lane's watch: counts how often it is looked at."""

    def __init__(self) -> None:
        self.count = 0
        self.running = False

    def check(self, now_ns: int) -> bool:
        self.count += 1
        return self.running

    def within(self, seconds: float) -> int:
        before = self.count
        time.sleep(seconds)
        return self.count - before


@pytest.fixture
def looks() -> _Looks:
    return _Looks()


@pytest.fixture
def watchdog(looks: _Looks) -> Iterator[Watchdog]:
    over = threading.Event()

    def beat() -> None:
        if over.is_set():
            raise _OverError

    watchdog = Watchdog([cast("TurnWatch", looks)], 1, beat)

    def run() -> None:
        with suppress(_OverError):
            watchdog.run()

    thread = threading.Thread(target=run)
    thread.start()
    yield watchdog
    over.set()
    thread.join(10)


def _until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_rests_when_nothing_runs(looks: _Looks, watchdog: Watchdog) -> None:
    """One look at each heartbeat is left of a thousand in a second."""
    _until(lambda: looks.within(0.2) <= 1)

    assert looks.within(1.5) <= 3


def test_it_looks_again_when_it_is_woken(looks: _Looks, watchdog: Watchdog) -> None:
    _until(lambda: looks.within(0.2) <= 1)
    before = looks.count

    watchdog.wake()

    _until(lambda: looks.count >= before + 50)


def test_it_looks_as_long_as_something_runs(looks: _Looks, watchdog: Watchdog) -> None:
    looks.running = True

    assert looks.within(1.5) > 300
