"""Calls of the document's JavaScript: many events in one execution, in a context that stays warm between them.

A stage's functions run on one lane, one execution after another, so that ``this`` lasts; see docs/decisions/017. Must not know what
stages do with what comes back.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pools.protocol import OutcomeKind
from runner.deployments import make_deployment, make_limits, worker_id
from runner.errors import BusyError
from runner.events.context import NO_CONTEXT
from runner.events.task import TaskEvent, encode_task, read_result
from runner.pipelines.errors import Fault, FunctionError, Place
from runner.pipelines.program import MAIN, Places, stage_program
from runner.records import mend_surrogates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pools.protocol import Outcome
    from runner.app import Runner
    from runner.lane_client import LaneClient
    from runner.pipelines.document import StageSpec
    from runner.pipelines.stage import Event, JsFunction

_log = logging.getLogger(__name__)
_MOST: Final = 256
_MOST_BYTES: Final = 1 << 20
_BUSY_S: Final = 0.05
_LOST: Final = 2
"""How often a call is begun whose process dies: it may have been another stage's doing."""
_REASONS: Final = {
    OutcomeKind.CPU_LIMIT: "the function used up its CPU time (CPU_TIME_LIMIT_MS)",
    OutcomeKind.WALL_CLOCK: "the function took too long (WALL_CLOCK_TIMEOUT_MS)",
    OutcomeKind.MEMORY_LIMIT: "the function and what it keeps in 'this' used up the memory (ISOLATE_HEAP_MAX_MB)",
    OutcomeKind.HOST_LOST: "the process that ran the function died",
}

_encode = msgspec.json.Encoder().encode


class _Done(msgspec.Struct, frozen=True):
    """What an execution gives back: of each call its JSON, None for ``undefined``, or name, message and stack of an error."""

    fresh: bool
    done: list[str | tuple[str, str, str] | None]


class StageFunctions:
    """The functions of one stage. ``number`` spreads stages over lanes."""

    def __init__(self, runner: Runner, spec: StageSpec, hostname: str, number: int) -> None:
        settings = runner.settings
        self._runner = runner
        self._spec = spec
        self._number = number
        self._places = Places(spec)
        self._lane: LaneClient | None = None
        self._turn = asyncio.Lock()
        self._begun = False
        tenant = f"pipeline:{spec.name}"
        self._deployment = make_deployment(
            tenant=tenant,
            worker=worker_id(tenant, spec.name),
            name=spec.name,
            main=MAIN,
            files=stage_program(spec, hostname),
            variables={},
            limits=make_limits(
                cpu_ms=settings.cpu_time_limit_ms,
                wall_ms=settings.wall_clock_timeout_ms,
                ops=settings.op_limits,
            ),
            warm=True,
        )

    async def check(self) -> Fault | None:
        """Return what is wrong with the functions before any is called: one does not compile, or is none."""
        async with self._turn:
            outcome, data = await self._execute(b"{}")
        spec = self._spec
        if outcome.kind is OutcomeKind.OK:
            for key in _decode(data, list[str]):
                function = spec.functions[key]
                line, column = function.at(1, 1)
                message = f"stage {spec.name!r}: config.{key}: it is no function"
                return Fault(Place(function.file, line, column), message)
            return None
        error = outcome.error
        if error is None:
            return Fault(
                spec.place, f"stage {spec.name!r}: {_REASONS.get(outcome.kind, outcome.kind)}"
            )
        where, key = spec.place, ""
        if (found := self._places.origin(error)) is not None:
            key, where = found
        shown = f"{error.name}: {self._places.translated(error.message)}"
        return Fault(where, f"stage {spec.name!r}: {f'config.{key}: ' if key else ''}{shown}")

    async def call(self, function: JsFunction, *arguments: Event) -> Any:
        [result] = await self.call_each(function, [arguments])
        if isinstance(result, FunctionError):
            raise result
        return result

    async def call_each(self, function: JsFunction, calls: Sequence[Sequence[Event]]) -> list[Any]:
        """See :meth:`runner.pipelines.stage.StageContext.call_each`."""
        key = function.js_function_key
        waiting = list(map(_encoded, calls))
        results: list[Any] = []
        alone = lost = 0
        async with self._turn:
            while len(results) < len(waiting):
                if isinstance(refused := waiting[len(results)], FunctionError):
                    results.append(refused)
                    continue
                batch = _batch(waiting, len(results), 1 if alone else _MOST)
                payload = b'{"key":%b,"calls":[%b]}' % (_encode(key), b",".join(batch))
                outcome, data = await self._execute(payload)
                if outcome.kind is OutcomeKind.OK:
                    done = _decode(data, _Done)
                    self._look_at(fresh=done.fresh)
                    results += map(self._result, done.done)
                    alone, lost = max(0, alone - len(done.done)), 0
                elif len(batch) > 1:
                    # One of them did it, and the others' results are gone with it.
                    alone = len(batch)
                elif outcome.kind is OutcomeKind.HOST_LOST and lost + 1 < _LOST:
                    lost += 1
                elif outcome.kind is OutcomeKind.BUSY:
                    # Other stages' calls fill the lane's queue: they come to an end.
                    await asyncio.sleep(_BUSY_S)
                else:
                    results.append(self._failure(outcome))
                    alone, lost = max(0, alone - 1), 0
        return results

    # -- executions --------------------------------------------------------------------------------------------------

    async def _execute(self, payload: bytes) -> tuple[Outcome, bytes]:
        """Return the outcome of an execution, and its result as JSON."""
        lane = await self._home()
        event = encode_task(TaskEvent(msgspec.Raw(payload)))
        execution = lane.start(self._deployment, event, [], streamed_body=False, context=NO_CONTEXT)
        try:
            outcome = await execution.ended()
        except asyncio.CancelledError:
            execution.terminate(OutcomeKind.TERMINATED)
            raise
        return outcome, bytes(read_result(execution.result).data)

    async def _home(self) -> LaneClient:
        """Return the stage's lane: the same one as long as it serves, since what ``this`` holds is there."""
        supervisor = self._runner.supervisor
        while self._lane is None or self._lane not in supervisor.lanes:
            try:
                await self._runner.dispatcher.serving()
            except BusyError:
                _log.warning("stage %r waits: no isolate host is running", self._spec.name)
                continue
            self._lane = supervisor.lanes[self._number % len(supervisor.lanes)]
        return self._lane

    def _look_at(self, *, fresh: bool) -> None:
        if fresh and self._begun:
            _log.warning(
                "stage %r: its functions begin anew; what they kept in 'this' is lost",
                self._spec.name,
            )
        self._begun = True

    def _result(self, done: str | tuple[str, str, str] | None) -> Any:
        if done is None:
            return None
        if isinstance(done, str):
            return _decode(done.encode(), Any)
        name, message, stack = done
        return FunctionError(
            self._places.translated(message), name=name, stack=self._places.stack(stack)
        )

    def _failure(self, outcome: Outcome) -> FunctionError:
        reason = _REASONS.get(outcome.kind)
        error = outcome.error
        if reason is None and error is not None:
            return FunctionError(
                self._places.translated(error.message),
                name=error.name,
                stack=self._places.stack(error.stack),
            )
        name = "".join(part.capitalize() for part in outcome.kind.value.split("_"))
        return FunctionError(reason or f"the function's execution ended: {outcome.kind}", name=name)


def _encoded(arguments: Sequence[Event]) -> bytes | FunctionError:
    try:
        return _encode(arguments)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        return FunctionError(f"the event is no JSON: {error}", name="TypeError")


def _decode(data: bytes, type_: Any) -> Any:
    try:
        return msgspec.json.decode(data, type=type_)
    except msgspec.DecodeError:
        # Lone surrogates: JSON by the letter, but no text.
        return msgspec.json.decode(mend_surrogates(data), type=type_)


def _batch(waiting: Sequence[bytes | FunctionError], begin: int, most: int) -> list[bytes]:
    """Return the next calls of one execution, at least one."""
    batch: list[bytes] = []
    size = 0
    for call in waiting[begin : begin + most]:
        if isinstance(call, FunctionError) or (batch and size + len(call) > _MOST_BYTES):
            break
        batch.append(call)
        size += len(call)
    return batch
