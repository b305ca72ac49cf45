"""The ops by name, and the running of one: a task that answers its call, whatever happens.

Must not know what any op does.
"""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from runner.errors import OpError, StreamError, ViolationError
from runner.events.context import EventContext
from runner.telemetry.observer import UNOBSERVED

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from runner.events.trace import TraceContext
    from runner.execution import Execution
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

    def open_body(self, encoding: str = "") -> InboundStream:
        """Open the stream with this op's id that JavaScript will read, or pass on as it is encoded."""
        stream = self._execution.open_inbound(self.id)
        stream.encoding = encoding
        return stream


class Ops:
    """Runs ops: ``handlers`` by name."""

    def __init__(
        self,
        handlers: Mapping[str, Callable[[OpCall], Coroutine[Any, Any, None]]],
        observer: Observer = UNOBSERVED,
    ) -> None:
        self._handlers = handlers
        self._observer = observer
        self._tasks: set[asyncio.Task[None]] = set()

    def knows(self, name: str) -> bool:
        return name in self._handlers

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
