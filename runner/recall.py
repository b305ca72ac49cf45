"""What was looked up once and is remembered: answers, and for a moment that there is none.

One look-up at a time for each key, however many wait for it. An answer is forgotten when something that it depends on changes;
when the database is away, an old answer is better than none. Must not know what is looked up.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from time import monotonic
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from cachetools import LRUCache

from runner.errors import BusyError, DatabaseUnavailableError, NotResolvedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

_log = logging.getLogger(__name__)

K = TypeVar("K")
V = TypeVar("V")

_FRESH_S: Final = 60.0
"""After this an answer is looked up again, in case a change was not heard of; meanwhile it is still given."""
_MISSING_S: Final = 3.0
_RETRY_S: Final = 2.0
_MAX_MISSING: Final = 10_000
_MAX_LOOKUPS: Final = 100
_MAX_REFRESHES: Final = 50
"""What is only refreshed leaves room for what somebody waits for."""
_TRIES: Final = 3
_EVERYTHING: Final = "all"


class Answer(Generic[V]):
    """What a look-up found, and the changes that make it untrue."""

    __slots__ = ("depends", "doubtful", "fresh_until", "size", "value")

    def __init__(self, value: V | NotResolvedError, depends: Iterable[str], size: int = 1) -> None:
        self.value = value
        self.depends = frozenset(depends)
        self.size = size
        self.fresh_until = 0.0
        self.doubtful = False
        """Changes may have been missed: not to be given while it can be looked up."""


class _Lookup(Generic[V]):
    """One that is under way, and what changed meanwhile."""

    __slots__ = ("changed", "task")

    def __init__(self) -> None:
        self.changed: set[str] = set()
        self.task: asyncio.Task[V] | None = None


class _Kept(LRUCache[K, Answer[V]]):
    """Answers by key, and keys by what their answers depend on, whatever makes them leave."""

    def __init__(self, maxsize: int) -> None:
        super().__init__(maxsize, getsizeof=lambda answer: answer.size)
        self.of_change: defaultdict[str, set[K]] = defaultdict(set)

    def __setitem__(self, key: K, answer: Answer[V]) -> None:
        self.pop(key, None)
        super().__setitem__(key, answer)
        for change in answer.depends:
            self.of_change[change].add(key)

    def __delitem__(self, key: K) -> None:
        for change in self[key].depends:
            keys = self.of_change[change]
            keys.discard(key)
            if not keys:
                del self.of_change[change]
        super().__delitem__(key)


class Recall(Generic[K, V]):
    """Remembers answers up to ``most`` in total size. ``look_up(key)`` gives one, or raises what its callers get."""

    def __init__(self, look_up: Callable[[K], Awaitable[Answer[V]]], most: int) -> None:
        self._look_up = look_up
        self._most = most
        self._kept: _Kept[K, V] = _Kept(most)
        # Apart: whoever asks for many that are not there takes no place of those that are.
        self._missing: _Kept[K, V] = _Kept(_MAX_MISSING)
        self._lookups: dict[K, _Lookup[V]] = {}

    def known(self, key: K) -> V | None:
        """Return what is remembered; None when it must be looked up.

        Raises
        ------
        NotResolvedError
            It is remembered that there is nothing.

        """
        answer = self._kept.get(key)
        if answer is None:
            missing = self._missing.get(key)
            if missing is not None and missing.fresh_until > monotonic():
                _give(missing)
            return None
        if answer.doubtful:
            return None
        if answer.fresh_until < monotonic():
            self._refresh(key)
        return _give(answer)

    async def get(self, key: K) -> V:
        """Return what is remembered, or look it up.

        Raises
        ------
        NotResolvedError
            There is nothing.
        BusyError
            It is not known, and the database is away; or too much is looked up already.

        """
        value = self.known(key)
        if value is not None:
            return value
        lookup = self._lookups.get(key)
        if lookup is None:
            if len(self._lookups) >= _MAX_LOOKUPS:
                if (doubtful := self._kept.get(key)) is not None:
                    # The database has come back, and everybody asks at once.
                    return _give(doubtful)
                raise BusyError("too many workers are looked up at once")
            lookup = self._begin(key)
        assert lookup.task is not None
        # Who gives up waiting does not take it from the others.
        return await asyncio.shield(lookup.task)

    def forget(self, change: str) -> None:
        """Something changed: whatever depends on it is no longer known."""
        for lookup in self._lookups.values():
            lookup.changed.add(change)
        if change == _EVERYTHING:
            self._kept, self._missing = _Kept(self._most), _Kept(_MAX_MISSING)
            return
        for answers in (self._kept, self._missing):
            for key in tuple(answers.of_change.get(change, ())):
                del answers[key]

    def doubt(self) -> None:
        """Changes may have been missed: answers are given only while they can not be looked up."""
        for lookup in self._lookups.values():
            lookup.changed.add(_EVERYTHING)
        self._missing = _Kept(_MAX_MISSING)
        for answer in self._kept.values():
            answer.doubtful = True

    async def close(self) -> None:
        """End what is under way."""
        tasks = [lookup.task for lookup in self._lookups.values() if lookup.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _refresh(self, key: K) -> None:
        if key not in self._lookups and len(self._lookups) < _MAX_REFRESHES:
            self._begin(key)

    def _begin(self, key: K) -> _Lookup[V]:
        lookup = self._lookups[key] = _Lookup()
        lookup.task = asyncio.get_running_loop().create_task(
            self._run(key, lookup), name=f"look up {key}"
        )
        # It may fail while nobody waits: the old answer is given meanwhile.
        lookup.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        return lookup

    async def _run(self, key: K, lookup: _Lookup[V]) -> V:
        try:
            tries = 0
            while True:
                tries += 1
                lookup.changed.clear()
                answer = await self._look_up(key)
                changed = lookup.changed
                if _EVERYTHING not in changed and changed.isdisjoint(answer.depends):
                    self._keep(key, answer)
                    break
                if tries == _TRIES:
                    # It changes all the time: true just now, and not worth remembering.
                    break
            return _give(answer)
        except DatabaseUnavailableError as error:
            return self._old(key, error)
        finally:
            del self._lookups[key]

    def _keep(self, key: K, answer: Answer[V]) -> None:
        self._kept.pop(key, None)
        self._missing.pop(key, None)
        if isinstance(answer.value, NotResolvedError):
            answer.fresh_until = monotonic() + _MISSING_S
            self._missing[key] = answer
        elif answer.size <= self._most:
            answer.fresh_until = monotonic() + _FRESH_S
            self._kept[key] = answer

    def _old(self, key: K, error: DatabaseUnavailableError) -> V:
        answer = self._kept.get(key)
        if answer is None:
            _log.warning("%s", error)
            raise BusyError("the worker can not be looked up at the moment", 2) from error
        answer.doubtful = False
        answer.fresh_until = monotonic() + _RETRY_S
        return _give(answer)


def _give(answer: Answer[V]) -> V:
    value = answer.value
    if isinstance(value, NotResolvedError):
        # Each gets its own: a raised error collects the frames it passes.
        raise NotResolvedError(value.status, value.reason)
    return value
