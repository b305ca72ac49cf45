"""Request-reply over NATS, 200 bytes each way: two lanes in two hosts, 32 requests in flight, so that no core waits for the way.

The runner is this process, as in ``dispatch``; nats-server and the client have their own. The ceiling is what a handler of
nats-py reaches that sends back what it got.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from benchmarks.client import Took
from benchmarks.errors import BenchmarkError, WrongAnswerError
from benchmarks.fleet import Fleet
from benchmarks.harness import alternate
from benchmarks.load import Load, warm_up
from benchmarks.nats_client import NatsJob
from benchmarks.report import CPU, HOSTS_CPU, P50, P99, RATE, RUNNER_CPU, Findings, at_least
from pools.protocol import Mode, OutcomeKind
from runner.app import serve_nats
from runner.embedded.nats import open_nats
from runner.errors import NotResolvedError
from runner.execution import Response
from runner.nats.connection import open_bus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nats.aio.msg import Msg

    from benchmarks.harness import Plan
    from benchmarks.report import Figures
    from runner.deployments import Deployment
    from runner.events.fetch import Request
    from runner.execution import Execution
    from runner.nats.connection import Bus

_LANES: Final = 2
_IN_FLIGHT: Final = 32
_TENANTS: Final = 8
_SECONDS: Final = 2.0
_PAYLOAD: Final = b"x" * 200
_HEADERS: Final = (
    b"NATS/1.0\r\nFetch-Method: POST\r\nFetch-Url: http://hello.workers.rocks/\r\n"
    b"accept: */*\r\nuser-agent: bench\r\n\r\n"
)
_EVENT: Final = (
    b'{"type":"fetch","method":"POST","url":"http://hello.workers.rocks/","headers":[["host","hello.workers.rocks"],'
    b'["accept","*/*"],["user-agent","bench"],["content-length","200"]],"body":"bytes"}'
)


class _Echo:
    """A fetch event whose body is sent back."""

    source = """\
export default {
  async fetch(request) {
    return new Response(await request.text());
  },
};
"""

    def event(self, number: int) -> bytes:
        return _EVENT

    def check(self, execution: Execution, number: int) -> None:
        answer, outcome = execution.answer.result(), execution.outcome
        if outcome is None or outcome.kind is not OutcomeKind.OK:
            raise WrongAnswerError("an execution", outcome)
        if not isinstance(answer, Response) or answer.body != _PAYLOAD:
            raise WrongAnswerError("a fetch handler", outcome)


class _DirectLoad(Load):
    """Executions that get a body."""

    def _start(self, deployment: Deployment, number: int) -> Execution:
        return self._fleet.runner.dispatcher.start(deployment, _EVENT, [_PAYLOAD])


class _Workers:
    """Finds the workers by their names."""

    def __init__(self, deployments: Sequence[Deployment]) -> None:
        self._by_name = {deployment.name: deployment for deployment in deployments}

    async def resolve(self, request: Request) -> Deployment:
        return await self.worker(request.worker_name)

    async def worker(self, worker_id: str) -> Deployment:
        deployment = self._by_name.get(worker_id)
        if deployment is None:
            raise NotResolvedError(502, f"there is no worker {worker_id!r}")
        return deployment


class _Bench:
    """Measures what the client asks."""

    def __init__(self, fleet: Fleet, url: str) -> None:
        self._fleet = fleet
        parts = urlsplit(url)
        self._port = parts.port or 0
        self._token = parts.username or ""

    async def measure(self, subjects: list[str], seconds: float) -> Figures:
        """Ask on the subjects in turn.

        Raises
        ------
        WrongAnswerError
            One was not answered as it must be.

        """
        job = NatsJob(
            port=self._port,
            token=self._token,
            subjects=subjects,
            headers=_HEADERS,
            payload=_PAYLOAD,
            answer=_PAYLOAD,
            in_flight=_IN_FLIGHT,
            seconds=seconds,
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "benchmarks.nats_client",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        runner, hosts = self._fleet.meters()
        said, _ = await process.communicate(msgspec.json.encode(job))
        runner_us, hosts_us = runner.us(), hosts.us()
        if process.returncode:
            raise BenchmarkError(f"the client ended with {process.returncode}")
        took = msgspec.json.decode(said, type=Took)
        if took.wrong:
            raise WrongAnswerError("a request", took.wrong)
        return {
            RATE: took.requests / took.seconds,
            CPU: (runner_us + hosts_us) / took.requests,
            RUNNER_CPU: runner_us / took.requests,
            HOSTS_CPU: hosts_us / took.requests,
            P50: took.p50_ms,
            P99: took.p99_ms,
        }


async def _serve_echo(bus: Bus) -> None:
    async def answer(message: Msg) -> None:
        await message.respond(message.data)

    await bus.subscribe("echo", answer, queue="runner")
    await bus.flush()


async def run(plan: Plan) -> Findings:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        server = await stack.enter_async_context(open_nats(folder / "nats"))
        fleet = await stack.enter_async_context(Fleet(Mode.PINNED, lanes=_LANES))
        deployments = fleet.deploy(_Echo.source, _TENANTS)
        load = await warm_up(_DirectLoad(fleet, _Echo(), deployments), _TENANTS)
        bus = await stack.enter_async_context(open_bus([server.url]))
        calls = fleet.runner.make_calls(_Workers(deployments))
        await stack.enter_async_context(serve_nats(bus, calls))
        await _serve_echo(bus)
        bench = _Bench(fleet, server.url)
        subjects = [f"fetch.{deployment.name}" for deployment in deployments]
        seconds = plan.seconds(_SECONDS)
        contenders = {
            "dispatch": partial(load.run, _IN_FLIGHT, seconds=seconds),
            "request-reply": partial(bench.measure, subjects, seconds),
            "echo by nats-py": partial(bench.measure, ["echo"], seconds),
        }
        measured = await alternate(plan, contenders)
    ratio = measured.ratio("request-reply", "dispatch", RATE)
    notes = [
        "runner: this process; the client of request-reply and nats-server are others, and share the cores with it."
    ]
    return Findings(
        rows=measured.rows(),
        bars=[at_least("request-reply: share of the rate of dispatch", 0.7, ratio, "")],
        rounds=plan.rounds,
        notes=notes,
    )
