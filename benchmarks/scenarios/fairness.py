"""A tenant that asks one at a time, alone, and beside another that floods the runner over 64 connections.

The flood is refused in part, and comes again at once. What the limits are worth shows a runner whose limits are out of the way.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Final

from benchmarks.client import Job
from benchmarks.errors import WrongAnswerError
from benchmarks.front import DOMAIN, Front
from benchmarks.harness import alternate
from benchmarks.report import P50, P99, RATE, Findings, Metric, at_most
from benchmarks.server import send_job

if TYPE_CHECKING:
    from benchmarks.harness import Plan
    from benchmarks.report import Figures

_SECONDS: Final = 1.5
_FLOOD: Final = 64
_HEAD_START_S: Final = 0.3
_FLOOD_RATE: Final = Metric("flood", "1/s")
_REFUSED: Final = Metric("refused", "1/s")
_HELLO: Final = "export default { fetch: () => new Response('hello') };"
_OPEN: Final = {
    "MAX_CONCURRENT_PER_WORKER": "1000",
    "MAX_CONCURRENT_PER_TENANT": "1000",
    "MAX_ISOLATES_PER_TENANT": "1000",
    "MAX_QUEUED_WORKERS": "1000",
}


async def run(plan: Plan) -> Findings:
    seconds = plan.seconds(_SECONDS)
    async with AsyncExitStack() as stack:
        fronts = {}
        for name, settings in (("limits", {}), ("no limits", _OPEN)):
            front = Front({"WORKER_POOL_SIZE": "2", **settings})
            fronts[name] = await stack.enter_async_context(front)
            front.serve("a", "flood", _HELLO)
            front.serve("b", "quiet", _HELLO)
        limited, unlimited = fronts.values()
        contenders = {
            "alone": partial(_measure, limited, seconds, flood=False),
            "beside a flood": partial(_measure, limited, seconds, flood=True),
            "the same, no limits": partial(_measure, unlimited, seconds, flood=True),
        }
        for contender in contenders.values():
            await contender()
        measured = await alternate(plan, contenders)
    notes = [
        f"2 lanes; the flood: {_FLOOD} connections; the other: one; hello each time.",
        "Client, flood, runner and hosts share the cores: part of what the flood costs is theirs.",
    ]
    worth = measured.ratio("beside a flood", "the same, no limits", P99)
    return Findings(
        rows=measured.rows(),
        bars=[at_most("beside a flood: p99 with / without limits", 0.5, worth, "")],
        rounds=plan.rounds,
        notes=notes,
    )


async def _measure(front: Front, seconds: float, *, flood: bool) -> Figures:
    quiet = Job(
        port=front.port, request=_request("quiet"), body=b"hello", connections=1, seconds=seconds
    )
    if not flood:
        return await _send("quiet", quiet) | {_FLOOD_RATE: 0.0, _REFUSED: 0.0}
    job = Job(
        port=front.port,
        request=_request("flood"),
        body=b"hello",
        connections=_FLOOD,
        seconds=seconds + 2 * _HEAD_START_S,
        may_be_refused=True,
    )
    flooding = asyncio.create_task(send_job(job))
    await asyncio.sleep(_HEAD_START_S)
    figures = await _send("quiet", quiet)
    took = await flooding
    if took.wrong:
        raise WrongAnswerError("flood", took.wrong)
    rates = {_FLOOD_RATE: took.requests / took.seconds, _REFUSED: took.refused / took.seconds}
    return figures | rates


async def _send(name: str, job: Job) -> Figures:
    took = await send_job(job)
    if took.wrong:
        raise WrongAnswerError(name, took.wrong)
    return {RATE: took.requests / took.seconds, P50: took.p50_ms, P99: took.p99_ms}


def _request(worker: str) -> bytes:
    return f"GET / HTTP/1.1\r\nhost: {worker}.{DOMAIN}\r\naccept: */*\r\n\r\n".encode()
