"""The ops by name, and the running of one: a task that answers its call, whatever happens.

Must not know what any op does.
"""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from pools.protocol import STREAM_CHUNK_BYTES
from runner.errors import OpError, StreamError, ViolationError
from runner.events.context import EventContext
from runner.telemetry.observer import UNOBSERVED

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from runner.events.trace import TraceContext
    from runner.execution import Execution
    from runner.ops.limits import OpLimit
    from runner.streams import ByteStream, InboundStream
    from runner.telemetry.observer import AttributeValue, Observer, OpSpan

_log = logging.getLogger(__name__)
T = TypeVar("T")


def described(name: str, message: str, code: str = "") -> dict[str, str]:
    """Return an error as the core makes one of."""
    error = {"name": name, "message": message}
    return error | {"code": code} if code else error


class OpCall:
    """One op of one execution: its arguments, its streams and the way back."""

    __slots__ = ("_answered", "_args", "_execution", "attachment", "id", "name", "observed")

    def __init__(
        self, execution: Execution, number: int, name: str, args: msgspec.Raw, attachment: bytes
    ) -> None:
        self._execution = execution
        self._args = args
        self._answered = False
        self.id = number
        self.name = name
        self.attachment = attachment
        self.observed: OpSpan | None = None
        """Its span; None when its event is not traced."""

    @property
    def execution(self) -> Execution:
        return self._execution

    @property
    def trace(self) -> TraceContext | None:
        """The parent of what this op causes elsewhere."""
        return self._execution.context.trace if self.observed is None else self.observed.trace

    def onward(self) -> EventContext:
        """Return where an event comes from that this op causes: one hop further, in the same trace."""
        context = self._execution.context
        return EventContext(
            request_id=context.request_id,
            hops=context.hops + 1,
            trace=self.trace,
            tracestate=context.tracestate,
            observation=context.observation,
        )

    def note(self, name: str, value: AttributeValue) -> None:
        """Say something that belongs to the op's span, by its name in the semantic conventions."""
        if self.observed is not None:
            self.observed.attributes[name] = value

    def args(self, shape: type[T]) -> T:
        """Return the arguments in the shape the core promises.

        Raises
        ------
        ViolationError
            They are not.

        """
        try:
            return msgspec.json.decode(self._args, type=shape)
        except msgspec.DecodeError as error:
            raise ViolationError(f"arguments of {self.name}: {error}") from error

    def resolve(self, value: Any, attachment: bytes | None = None) -> None:
        self._answered = True
        self._execution.deliver("resolve", self.id, value, attachment=attachment)

    def reject(self, name: str, message: str, code: str = "") -> None:
        if not self._answered:
            self._answered = True
            self._execution.deliver("reject", self.id, described(name, message, code))

    def sent_body(self) -> ByteStream:
        """The stream with this op's id that JavaScript sends."""
        return self._execution.outbound(self.id)

    def open_body(self) -> InboundStream:
        """Open the stream with this op's id that JavaScript will read."""
        return self._execution.open_inbound(self.id)


class Ops:
    """Runs ops: ``handlers`` by name, under the limits that the core was told."""

    def __init__(
        self,
        handlers: Mapping[str, Callable[[OpCall], Coroutine[Any, Any, None]]],
        limits: Mapping[str, OpLimit],
        observer: Observer = UNOBSERVED,
    ) -> None:
        self._handlers = handlers
        self._limits = limits
        self._observer = observer
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def console_budget(self) -> tuple[int, int]:
        """Lines and bytes that an execution may log at most, a little more than what the core is told."""
        limit = self._limits.get("console")
        if limit is None:
            return 1 << 62, 1 << 62
        return (limit.total or 1 << 62) + 10, (limit.at_once or 1 << 62) + STREAM_CHUNK_BYTES

    def knows(self, name: str) -> bool:
        return name in self._handlers

    def check(self, name: str, count: int) -> None:
        """Refuse the ``count``-th op of a name in an execution: the core rejects such ops itself.

        Raises
        ------
        ViolationError
            There are more than its limit.

        """
        limit = self._limits.get(name)
        if limit is not None and 0 < limit.total < count:
            raise ViolationError(f"{name} op {count} of {limit.total}")

    def start(self, call: OpCall) -> asyncio.Task[None]:
        """Set an op going; cancelling the task aborts it."""
        task = asyncio.get_running_loop().create_task(self._run(call), name=f"op {call.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, call: OpCall) -> None:
        call.observed = self._observer.op_begun(call)
        began, failure = perf_counter(), "AbortError"
        try:
            await self._handlers[call.name](call)
            failure = ""
        except (OpError, StreamError) as error:
            failure = error.name
            call.reject(error.name, error.message, error.code)
        except ViolationError as error:
            failure = "ViolationError"
            call.execution.violate(str(error))
        except Exception:  # noqa: BLE001 - a seam: one op's failure must not end the runner
            # The tenant must not see how the runner fails; the operator must.
            failure = "Error"
            _log.exception("op %s failed", call.name)
            call.reject("Error", f"{call.name} failed inside the runner")
        finally:
            self._observer.op_ended(call, perf_counter() - began, failure)

    async def close(self) -> None:
        """Cancel what still runs."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
