"""What the database says of tasks: only hints, since whoever waits for them looks without them, too.

Must not know what is done about a hint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from runner.store.listener import PROBE_EVERY_S, Listener

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from typing import Self

_CHANNELS: Final = ("tasks_created", "tasks_cancelled", "tasks_rules")


class Hearer(NamedTuple):
    """Who wants to know; none of these may wait or fail. Each is also called when something may have been missed."""

    created: Callable[[], None]
    """There may be something to claim."""
    cancelled: Callable[[str], None]
    """This lease is void."""
    changed: Callable[[], None]
    """Rules or schedules are others."""


class TaskWakes:
    """Listens while the context is open. It opens at once, whether the database is there or not."""

    def __init__(self, url: str, *, probe_every_s: float = PROBE_EVERY_S) -> None:
        self._listener = Listener(
            url, _CHANNELS, self._heard, self._missed, probe_every_s=probe_every_s
        )
        self._hearers: list[Hearer] = []

    @property
    def connected(self) -> asyncio.Event:
        """It listens now."""
        return self._listener.connected

    async def __aenter__(self) -> Self:
        await self._listener.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._listener.__aexit__(*error)

    def add(self, hearer: Hearer) -> None:
        self._hearers.append(hearer)

    def remove(self, hearer: Hearer) -> None:
        self._hearers.remove(hearer)

    def _heard(self, channel: str, payload: str) -> None:
        for hearer in self._hearers:
            match channel:
                case "tasks_created":
                    hearer.created()
                case "tasks_cancelled":
                    hearer.cancelled(payload)
                case _:
                    hearer.changed()

    def _missed(self) -> None:
        for hearer in self._hearers:
            hearer.created()
            hearer.changed()
