"""Fetch events from NATS: requests on ``fetch.<worker>``, taken in a queue group so that one runner of a fleet gets each.

Must not know what becomes of a request; see exchange.py.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import count
from typing import TYPE_CHECKING, Final, Protocol

from runner.errors import NatsUnavailableError
from runner.events.fetch import RequestIds
from runner.ingress.patience import Patience
from runner.nats.client import at_once, nobody_there
from runner.nats.exchange import NatsExchange
from runner.nats.parts import PART, Kind, read_part

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from runner.calls import Calls
    from runner.nats.client import Pairs
    from runner.nats.connection import Bus

_log = logging.getLogger(__name__)
GROUP: Final = "runner"
SUBJECTS: Final = {"fetch": "fetch.*", "fetch-host": "fetch"}
"""By the names of the endpoints; on the second one, the host says which worker is meant."""
_PROBE_EVERY_S: Final = 5.0
_GONE: Final[Pairs] = [(PART, Kind.GONE)]


class Meter(Protocol):
    """Counts requests, for those who ask the service."""

    def count(self, endpoint: str, duration_s: float, problem: str) -> None: ...


class NatsIngress:
    """Takes requests from the bus until it is told to stop."""

    def __init__(self, bus: Bus, calls: Calls, meter: Meter) -> None:
        self.bus = bus
        self.calls = calls
        self.meter = meter
        self.new_id = RequestIds()
        self.patience = Patience()
        self.inbox = bus.client.new_inbox()
        self.talking: dict[str, NatsExchange] = {}
        """Exchanges that their requester can talk to, by the last word of their subject."""
        self.tokens = map(str, count())
        self._tasks: set[asyncio.Task[None]] = set()
        self._subscriptions: list[Subscription] = []
        self._control: Subscription | None = None
        self._prober: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Take requests from now on.

        Raises
        ------
        NatsUnavailableError
            The connection is closed.

        """
        self._control = await self.bus.subscribe(f"{self.inbox}.*", self._hear)
        for subject in SUBJECTS.values():
            self._subscriptions.append(
                await self.bus.subscribe(subject, at_once(self._take), queue=GROUP)
            )
        self._probe()

    async def stop_accepting(self) -> None:
        """Take no further request; those that the server sent already are served."""
        subscriptions, self._subscriptions = self._subscriptions, []
        await self.bus.leave(*subscriptions)

    async def finish(self, timeout_s: float) -> None:
        """Wait until what was asked for has been answered, up to ``timeout_s``."""
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=timeout_s)

    async def close(self) -> None:
        """End whatever is still under way."""
        await self.stop_accepting()
        if self._prober is not None:
            self._prober.cancel()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._control is not None:
            await self.bus.leave(self._control)

    def run(self, work: Coroutine[object, object, None], name: str) -> None:
        """Do something beside; what goes wrong with it is logged."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a request from NATS failed", exc_info=error)

    def _take(self, message: Msg) -> None:
        self.run(NatsExchange(self, message).run(), "request")

    async def _hear(self, message: Msg) -> None:
        """Take what a requester says in the middle of an exchange."""
        exchange = self.talking.get(message.subject.rpartition(".")[2])
        if nobody_there(message):
            if exchange is not None:
                exchange.leave()
        elif (part := read_part(message)) is not None:
            headers = exchange.hear(part) if exchange is not None else _GONE
            if part.kind is Kind.PING and message.reply:
                try:
                    await self.bus.publish(message.reply, headers=headers)
                except (NatsUnavailableError, ValueError) as error:
                    _log.debug("a ping is not answered: %s", error)

    def _probe(self) -> None:
        """Find out which requesters are gone: the server says so of those that have nobody at their inbox."""
        for exchange in self.talking.values():
            exchange.probe()
        self._prober = asyncio.get_running_loop().call_later(_PROBE_EVERY_S, self._probe)
