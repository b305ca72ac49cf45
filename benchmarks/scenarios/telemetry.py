"""What telemetry costs: dispatch as in ``dispatch``, unobserved, with metrics alone, and with traces to a collector.

Each execution is an event with its beginning and its end, as ingresses tell them. The collector runs on this machine, too.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Final

from benchmarks.collector import collector
from benchmarks.fleet import Fleet, open_fleets
from benchmarks.harness import alternate
from benchmarks.load import Load, warm_up
from benchmarks.report import RATE, Findings, at_least
from benchmarks.work import HELLO
from pools.protocol import Mode, OutcomeKind
from runner.config import Settings
from runner.events.context import EventContext
from runner.journal import EventLine
from runner.telemetry.observer import UNOBSERVED
from runner.telemetry.service import Telemetry

if TYPE_CHECKING:
    from benchmarks.harness import Plan
    from runner.deployments import Deployment
    from runner.execution import Execution

_LANES: Final = 2
_IN_FLIGHT: Final = 8
_TENANTS: Final = 8
_SECONDS: Final = 2.0
_OFF, _COUNTING, _TRACING = "off", "metrics", "metrics and traces"


class _Events(Load):
    """Executions that an ingress begins and ends."""

    def _start(self, deployment: Deployment, number: int) -> Execution:
        runner = self._fleet.runner
        context = runner.observer.begin(EventContext(request_id=f"{number:032x}"), deployment)
        execution = runner.dispatcher.start(deployment, self._work.event(number), context=context)
        execution.on_end.append(self._ended)
        return execution

    def _ended(self, execution: Execution) -> None:
        line = EventLine(
            method="GET",
            url="http://hello.workers.dev.localhost/",
            status=200,
            worker=execution.deployment.name,
            request_id=execution.context.request_id,
            duration_ms=1.0,
            outcome=OutcomeKind.OK,
        )
        self._fleet.runner.observer.ended(execution.context, line, execution.deployment)


async def run(plan: Plan) -> Findings:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(collector())
        fleets = {
            _OFF: Fleet(Mode.PINNED, lanes=_LANES, observer=UNOBSERVED),
            _COUNTING: await _observed(stack, ""),
            _TRACING: await _observed(stack, url),
        }
        await open_fleets(stack, list(fleets.values()))
        contenders = {}
        for name, fleet in fleets.items():
            load = _Events(fleet, HELLO, fleet.deploy(HELLO.source, _TENANTS))
            await warm_up(load, _TENANTS)
            contenders[name] = partial(load.run, _IN_FLIGHT, seconds=plan.seconds(_SECONDS))
        measured = await alternate(plan, contenders)
    bars = [
        at_least("traces / off: rate", 0.85, measured.ratio(_TRACING, _OFF, RATE), ""),
        at_least("metrics / off: rate", 0.95, measured.ratio(_COUNTING, _OFF, RATE), ""),
    ]
    notes = [
        f"{_TENANTS} workers; of each, OTLP_TRACES_PER_SECOND (5) events a second become spans. The exporter's thread is in the runner's figure."
    ]
    return Findings(rows=measured.rows(), bars=bars, rounds=plan.rounds, notes=notes)


async def _observed(stack: AsyncExitStack, endpoint: str) -> Fleet:
    settings = Settings(mode=Mode.PINNED, otlp_endpoint=endpoint)
    telemetry = await stack.enter_async_context(Telemetry(settings))
    return Fleet(Mode.PINNED, lanes=_LANES, observer=telemetry.observer)
