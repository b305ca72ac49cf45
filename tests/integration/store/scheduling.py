"""A scheduler with a clock that the test moves, on a real database, with lanes written in Python."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pools.protocol import Mode, Outcome, OutcomeKind
from runner.admission import Admission, AdmissionLimits
from runner.deployments import make_deployment, make_limits
from runner.dispatch import Dispatcher
from runner.errors import NotResolvedError
from runner.exchange import Serving
from runner.schedules.ledger import Ledger
from runner.schedules.runs import ScheduledRuns
from runner.schedules.scheduler import Scheduler
from tests.unit.runner.fake_lane import connect as connect_lane

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from pools.protocol import Start
    from runner.deployments import Deployment
    from runner.events.context import EventContext
    from runner.events.fetch import Request
    from runner.journal import EventLine
    from tests.unit.runner.fake_lane import Bench, FakeLane

OK = Outcome(OutcomeKind.OK)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class HandClock:
    """Stands still until it is advanced; tells when somebody waits."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now
        self.waits = 0
        """How often somebody began to wait."""
        self._waiting: list[tuple[datetime, asyncio.Event]] = []
        self._watching: list[tuple[Callable[[], Any], asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        for until, passed in self._waiting:
            if until <= self._now:
                passed.set()

    async def wait(self, event: asyncio.Event, timeout_s: float) -> None:
        self.waits += 1
        passed = asyncio.Event()
        if timeout_s <= 0:
            passed.set()
        entry = (self._now + timedelta(seconds=timeout_s), passed)
        self._waiting.append(entry)
        self.look()
        tasks = [asyncio.create_task(one.wait()) for one in (event, passed)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.remove(entry)
            for task in tasks:
                task.cancel()

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until the condition holds; it is looked at whenever somebody begins to wait, or something happens."""
        if not condition():
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._watching.append((condition, future))
            await future

    def look(self) -> None:
        for condition, future in self._watching:
            if not future.done() and condition():
                future.set_result(None)


class Workers:
    """Every worker there is, unless it was removed; ``gate`` holds resolution up."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self.missing: set[str] = set()
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def resolve(self, request: Request) -> Deployment:
        raise AssertionError(request)

    async def worker(self, worker_id: str) -> Deployment:
        self.asked += 1
        self._look()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        if worker_id in self.missing:
            raise NotResolvedError(502, "there is no such worker")
        return make_deployment(
            tenant="t",
            worker=worker_id,
            name="w",
            main="index.js",
            files={"index.js": ""},
            variables={},
            limits=make_limits(cpu_ms=100, wall_ms=0, ops={}),
        )


class Lines:
    """A journal that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[EventLine] = []

    def console(self, deployment: Deployment, level: str, text: str) -> None:
        raise AssertionError((deployment, level, text))

    def failure(self, deployment: Deployment, outcome: Outcome, context: EventContext) -> None:
        raise AssertionError((deployment, outcome, context))

    def event(self, line: EventLine) -> None:
        self.events.append(line)


class Supervisor:
    def __init__(self, bench: Bench) -> None:
        self.lanes = (bench.client,)

    async def serving(self, timeout_s: float) -> bool:
        return True


class Runner:
    """One runner's scheduler, with one lane. ``async with`` runs it; ``kill()`` ends it without a word."""

    def __init__(self, url: str, clock: Any, *, max_total: int = 100) -> None:
        self.url = url
        self.clock = clock
        self._look = clock.look if isinstance(clock, HandClock) else lambda: None
        self.workers = Workers(self._look)
        self.lines = Lines()
        self.admission = Admission(AdmissionLimits(max_total, 50, 50, 50, 0, 1000))
        self.started: list[tuple[int, dict[str, Any]]] = []
        self.outcome: Outcome | None = OK
        """How executions end; None: they go on."""

    async def __aenter__(self) -> Self:
        self.bench = await connect_lane()
        self.bench.lane.keep = False
        self.bench.lane.on_start = self._on_start
        dispatcher = Dispatcher(Supervisor(self.bench), Mode.POOLED, 0)  # type: ignore[arg-type]
        serving = Serving(
            self.workers,
            self.admission,
            dispatcher,
            self.lines,
            max_body_bytes=0,
            expose_errors=True,
        )
        self.ledger = Ledger(self.url)
        self.runs = ScheduledRuns(serving)
        self.scheduler = Scheduler(self.ledger, self.runs, self.clock, 1)
        self.task = asyncio.create_task(self.scheduler.run())
        return self

    async def __aexit__(self, *error: object) -> None:
        if not self.task.cancelled():
            self.scheduler.stop()
            for number, _ in self.started:
                self.bench.lane.turn(number, outcome=OK)
            await asyncio.wait([self.task], timeout=10)
            assert self.task.done()
            self.task.result()
        await self.close()

    async def kill(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])

    async def close(self) -> None:
        await self.ledger.__aexit__()
        await self.bench.close()

    def _on_start(self, lane: FakeLane, start: Start) -> None:
        self.started.append((start.execution, json.loads(start.event)))
        self._look()
        if self.outcome is not None:
            lane.turn(start.execution, outcome=self.outcome)

    def end(self, outcome: Outcome = OK) -> None:
        """End what goes on."""
        started, self.started = self.started, []
        for number, _ in started:
            self.bench.lane.turn(number, outcome=outcome)

    @property
    def times(self) -> list[int]:
        """Seconds after noon for which events ran here."""
        return [event["scheduledTime"] // 1000 - int(NOON.timestamp()) for _, event in self.started]

    async def idle(self) -> None:
        """Wait until nothing is in its hands, and it waits for the clock."""
        scheduler = self.scheduler
        await self.clock.until(
            lambda: not scheduler._held and scheduler._look_at > self.clock.now()
        )
