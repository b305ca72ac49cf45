"""Scheduled events from NATS."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pools.protocol import ErrorInfo, Outcome, OutcomeKind
from runner.errors import BusyError
from runner.nats.connection import open_bus
from runner.schedules.subject import SUBJECT, ScheduledSubject
from tests.integration.store.scheduling import HandClock, Runner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from runner.nats.connection import Bus

TIME = 1_772_366_400_000


def payload(worker: str, **fields: Any) -> bytes:
    event = {"id": "5", "cron": "* * * * *", "scheduledTime": TIME, "workerId": worker}
    return json.dumps(event | fields).encode()


async def ask(bus: Bus, content: bytes) -> dict[str, Any]:
    answer = await bus.client.request(SUBJECT, content, timeout=10)
    return json.loads(answer.data)  # type: ignore[no-any-return]


@asynccontextmanager
async def listening(nats_url: str, *runners: Runner) -> AsyncIterator[Bus]:
    async with open_bus([nats_url]) as bus:
        subjects = [ScheduledSubject(bus, runner.runs) for runner in runners]
        for subject in subjects:
            await subject.start()
        try:
            yield bus
        finally:
            for subject in subjects:
                await subject.stop_accepting()
                await subject.finish(5)


async def test_the_worker_runs_and_who_asks_learns_the_outcome(
    database: str, nats_url: str
) -> None:
    worker = str(uuid4())
    async with Runner(database, HandClock()) as runner, listening(nats_url, runner) as bus:
        assert await ask(bus, payload(worker)) == {"success": True, "outcome": "ok"}
        ((_, event),) = runner.started
        assert event == {"type": "scheduled", "id": "5", "cron": "* * * * *", "scheduledTime": TIME}
        runner.outcome = Outcome(OutcomeKind.EXCEPTION, ErrorInfo("TypeError", "no"))
        assert await ask(bus, payload(worker)) == {
            "success": False,
            "outcome": "exception",
            "error": "TypeError: no",
        }
        runner.workers.missing.add(worker)
        assert await ask(bus, payload(worker)) == {
            "success": False,
            "error": "there is no such worker",
        }


async def test_one_runner_of_the_group_takes_an_event(database: str, nats_url: str) -> None:
    async with (
        Runner(database, HandClock()) as one,
        Runner(database, HandClock()) as other,
        listening(nats_url, one, other) as bus,
    ):
        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(ask(bus, payload(str(uuid4()))))
        assert len(one.started) + len(other.started) == 20


async def test_a_malformed_message_is_answered_and_logged(
    database: str, nats_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    messages = [
        b"",
        b"\xff{",
        b"[]",
        payload("no uuid"),
        payload(str(uuid4()), scheduledTime="now"),
        payload(str(uuid4()), scheduledTime=-1),
        payload(str(uuid4()), scheduledTime=1e300),
        payload(str(uuid4()), cron=7),
        payload(str(uuid4()), id="x" * 10_000),
    ]
    async with Runner(database, HandClock()) as runner, listening(nats_url, runner) as bus:
        for message in messages:
            answer = await ask(bus, message)
            assert not answer["success"]
            assert "malformed" in answer["error"]
        assert runner.started == []
    told = [record for record in caplog.records if "malformed" in record.getMessage()]
    assert len(told) == len(messages)


async def test_an_event_that_nobody_waits_for_is_tried_again_until_there_is_a_place(
    database: str, nats_url: str
) -> None:
    async with Runner(database, HandClock()) as runner, listening(nats_url, runner) as bus:
        runner.workers.error = BusyError("full", retry_after_s=0)
        assert await ask(bus, payload(str(uuid4()))) == {"success": False, "error": "full"}
        asked = runner.workers.asked
        await bus.publish(SUBJECT, payload(str(uuid4())))
        while runner.workers.asked < asked + 3:
            await asyncio.sleep(0)
        runner.workers.error = None
        while not runner.started:
            await asyncio.sleep(0)


async def test_a_trace_goes_on(database: str, nats_url: str) -> None:
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    async with Runner(database, HandClock()) as runner, listening(nats_url, runner) as bus:
        runner.outcome = None
        await bus.publish(SUBJECT, payload(str(uuid4())), headers=[("Traceparent", traceparent)])
        while not runner.started:
            await asyncio.sleep(0)
        (execution,) = runner.bench.client.running.values()
        assert execution.context.kind == "scheduled"
        assert execution.context.trace is not None
        assert execution.context.trace.traceparent == traceparent
        runner.end()
