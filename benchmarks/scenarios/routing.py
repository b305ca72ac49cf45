"""One worker that asks another, again and again, in the runner and through its front door over loopback.

The same handlers on the same hosts: what differs is the way between the two.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Final

from benchmarks.errors import WrongAnswerError
from benchmarks.front import DOMAIN, Front
from benchmarks.harness import alternate
from benchmarks.report import CPU, Findings, Metric, at_least
from runner.calls import Reply
from runner.events.context import EventContext
from runner.events.fetch import make_request

if TYPE_CHECKING:
    from benchmarks.figures import Measurements
    from benchmarks.harness import Plan
    from benchmarks.report import Figures

_CALLS: Final = 40
"""Of one execution, one after the other."""
_EXECUTIONS: Final = 20
_TIME: Final = Metric("time", "µs/call", drawn=True)
_SETTINGS: Final = {
    "WORKER_POOL_SIZE": "2",
    "LIMIT_FETCH": "0",
    "CPU_TIME_LIMIT_MS": "0",
    "FETCH_ALLOW_PRIVATE_NETWORK": "true",
}

_HELLO: Final = "export default { fetch: () => new Response('hello') };"
_CALLER: Final = """\
export default {
  async fetch(request, env) {
    const { searchParams } = new URL(request.url);
    for (let left = Number(searchParams.get('calls')); left > 0; left -= 1) {
      const answer = await fetch(env.TARGET);
      if ((await answer.text()) !== 'hello') throw new Error('wrong');
    }
    return new Response('done');
  },
};
"""


async def run(plan: Plan) -> Findings:
    executions = plan.count(_EXECUTIONS)
    async with AsyncExitStack() as stack:
        contenders = {}
        for suffix, reuse in (("", "off"), (", warm", "warm")):
            front = await stack.enter_async_context(Front({**_SETTINGS, "CONTEXT_REUSE": reuse}))
            front.serve("t", "hello", _HELLO)
            front.table.at_home = "hello"
            for name, worker, target in (
                ("internal", "inside", f"http://hello.{DOMAIN}/"),
                ("loopback HTTP", "loopback", f"http://127.0.0.1:{front.port}/"),
            ):
                front.serve("t", worker, _CALLER, TARGET=target)
                contenders[name + suffix] = partial(_measure, front, worker, executions)
            contenders["the execution that is called" + suffix] = partial(
                _measure_alone, front, executions * _CALLS
            )
        for contender in contenders.values():
            await contender()
        measured = await alternate(plan, contenders)
    notes = [
        f"{_CALLS} calls one after the other in an execution, on 2 lanes, each with a fresh context but where it says warm.",
        "The execution that is called is part of a call, and takes as long either way: bars are for the way there and back.",
    ]
    bars = [
        at_least(
            f"the way over loopback HTTP{suffix}: {metric.name}, against internal",
            3,
            _ratio_of_ways(measured, suffix, metric),
            "times",
        )
        for suffix in ("", ", warm")
        for metric in (_TIME, CPU)
    ]
    return Findings(rows=measured.rows(), bars=bars, rounds=plan.rounds, notes=notes)


def _ratio_of_ways(measured: Measurements, suffix: str, metric: Metric) -> float:
    """Return how much longer the way over loopback is, without what is done at its end."""
    alone = measured.values("the execution that is called" + suffix, metric)
    ways = (
        [
            whole - end
            for whole, end in zip(measured.values(name + suffix, metric), alone, strict=True)
        ]
        for name in ("loopback HTTP", "internal")
    )
    return float(median(long / short for long, short in zip(*ways, strict=True)))


async def _measure_alone(front: Front, calls: int) -> Figures:
    meter, began = front.meter(), perf_counter()
    for _ in range(calls):
        await _ask(front, "hello", "", b"hello")
    seconds = perf_counter() - began
    return {_TIME: seconds / calls * 1e6, CPU: meter.us() / calls}


async def _measure(front: Front, worker: str, executions: int) -> Figures:
    meter, began = front.meter(), perf_counter()
    for _ in range(executions):
        await _ask(front, worker, f"?calls={_CALLS}", b"done")
    seconds, calls = perf_counter() - began, executions * _CALLS
    return {_TIME: seconds / calls * 1e6, CPU: meter.us() / calls}


async def _ask(front: Front, worker: str, query: str, body: bytes) -> None:
    url = f"http://{worker}.{DOMAIN}/{query}"
    request = make_request("GET", url, [], request_id="bench")
    async with front.calls.open(request, None, context=EventContext(request_id="bench")) as call:
        answer = await call.answer()
    if not isinstance(answer, Reply) or answer.body != body:
        raise WrongAnswerError(worker, answer)
