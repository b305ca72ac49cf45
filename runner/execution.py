"""One execution as the runner sees it: what it produces is checked and sorted, what it asks for is set going.

The lane's socket hands in turns; ingress, ops and request bodies act through the methods. Must not know sockets, HTTP
or how lanes are chosen.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from pools.protocol import ErrorInfo, Outcome, OutcomeKind
from runner.errors import StreamError, ViolationError
from runner.events.context import NO_CONTEXT
from runner.masking import masked, masked_error
from runner.ops.registry import OpCall, Ops, described
from runner.records import (
    Abort,
    Cancel,
    Chunk,
    Credit,
    End,
    Error,
    Fail,
    Head,
    Log,
    Op,
    Result,
    TaskSettings,
    Thrown,
    attachment_of,
    decode_records,
)
from runner.streams import ByteStream, InboundStream, OutboundStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.deployments import Deployment
    from runner.events.context import EventContext

_BODY: Final = 0
"""The streams of the event itself: inbound the request's body, outbound the response's."""
_MAX_INLINE_BYTES: Final = 1 << 20
_MAX_OPS: Final = 1_000_000
_LEVELS: Final = frozenset({"ERROR", "WARN", "INFO", "DEBUG", "TRACE"})

Sidelined = Op | Abort | Chunk | End | Fail | Credit | Cancel | Log | Result | TaskSettings | Error
"""All records but the head, which is what most executions consist of."""

_encode = msgspec.json.Encoder().encode


class Response:
    """A response's head, and its body: complete, still coming, or none."""

    __slots__ = ("body", "encoding", "headers", "status", "status_text")

    def __init__(self, head: Head, body: bytes | ByteStream | None, encoding: str = "") -> None:
        self.status = head.status
        self.status_text = head.status_text
        self.headers = head.headers
        self.body = body
        self.encoding = encoding
        """What the body is encoded in beyond what the headers say: it was passed on without having been read."""


Answer = Response | Thrown | Outcome
"""What a client can be told: a response, the handler's failure, or an outcome: the end when neither came first, or op limit
as soon as the handler failed with it."""


class Lane(Protocol):
    """What an execution needs of the lane it runs on."""

    name: str

    def deliver(self, execution: int, records: bytes, attachments: list[bytes]) -> None: ...

    def terminate(self, execution: int, kind: OutcomeKind) -> None: ...

    def violate(self, reason: str) -> None: ...


class Console(Protocol):
    """Where console lines go, and the news that an execution failed."""

    def console(self, deployment: Deployment, level: str, text: str) -> None: ...

    def failure(self, deployment: Deployment, outcome: Outcome, context: EventContext) -> None: ...


class Execution:
    """From assignment to the end of ``waitUntil``.

    ``answer`` is done as soon as a client can be told something; ``outcome`` is set at the end, then the functions in
    ``on_end`` are called, once.
    """

    __slots__ = (
        "_attachments",
        "_console",
        "_flushing",
        "_inbound",
        "_lane",
        "_lines_left",
        "_loop",
        "_op_counts",
        "_op_id",
        "_ops",
        "_outbound",
        "_pending",
        "_running",
        "_stopped",
        "_text_left",
        "answer",
        "context",
        "deadline",
        "deployment",
        "error",
        "number",
        "on_end",
        "on_settings",
        "outcome",
        "result",
        "started",
    )

    def __init__(
        self,
        number: int,
        deployment: Deployment,
        lane: Lane,
        ops: Ops,
        console: Console,
        *,
        streamed_body: bool = False,
        context: EventContext = NO_CONTEXT,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._lane = lane
        self._ops = ops
        self._console = console
        self._inbound: dict[int, InboundStream] = {}
        self._outbound: dict[int, OutboundStream | None] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._op_id = 0
        self._op_counts: dict[str, int] = {}
        self._pending: list[bytes] = []
        self._attachments: list[bytes] = []
        self._flushing = False
        self._stopped = False
        self._lines_left, self._text_left = deployment.op_limits.console
        self.number = number
        self.deployment = deployment
        self.context = context
        self.answer: asyncio.Future[Answer] = self._loop.create_future()
        self.outcome: Outcome | None = None
        self.error: Thrown | None = None
        self.result: Result | None = None
        self.on_end: list[Callable[[Execution], None]] = []
        self.on_settings: Callable[[msgspec.Raw], None] | None = None
        """Told of what a task's handler says about itself."""
        self.started = self._loop.time()
        self.deadline: float | None = None
        """When the host counts as hanging, by the loop's clock."""
        if streamed_body:
            self.open_inbound(_BODY)

    # --- what the runner does -------------------------------------------------------------------------------------

    @property
    def request_body(self) -> InboundStream:
        """The stream for the request's body; there is one when it was started with ``streamed_body``."""
        return self._inbound[_BODY]

    def deliver(self, *record: Any, attachment: bytes | None = None) -> None:
        """Hand a record to the core; those of one iteration of the loop go together."""
        if self.outcome is not None:
            return
        if attachment is not None:
            record = (*record, len(self._attachments))
            self._attachments.append(attachment)
        self._pending.append(_encode(record))
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        pending, self._pending = self._pending, []
        attachments, self._attachments = self._attachments, []
        if self.outcome is None:
            self._lane.deliver(self.number, b"[%b]" % b",".join(pending), attachments)

    def stop(self, reason: str) -> None:
        """Tell JavaScript to come to an end (``client``, ``drain``); it may still go on within its limits."""
        if not self._stopped:
            self._stopped = True
            self.deliver("stop", reason)

    def terminate(self, kind: OutcomeKind, grace_s: float = 2.0) -> None:
        """End it now. A host that does not comply within ``grace_s`` is ended itself."""
        if self.outcome is None:
            self.deadline = self._loop.time() + grace_s
            self._lane.terminate(self.number, kind)

    @property
    def lane_name(self) -> str:
        return self._lane.name

    def violate(self, reason: str) -> None:
        """The core sent nonsense: its host is ended."""
        self._lane.violate(reason)

    async def ended(self) -> Outcome:
        """Wait for the end."""
        if self.outcome is None:
            waiter: asyncio.Future[None] = self._loop.create_future()
            self.on_end.append(lambda _: None if waiter.done() else waiter.set_result(None))
            await waiter
        assert self.outcome is not None
        return self.outcome

    def open_inbound(self, stream: int) -> InboundStream:
        """Open a stream towards the core; its id is an op's, or 0."""

        def send(chunk: bytes) -> None:
            self.deliver("chunk", stream, attachment=chunk)

        def close(error: StreamError | None) -> None:
            if error is None:
                self.deliver("end", stream)
            else:
                self.deliver("fail", stream, described(error.name, error.message, error.code))

        inbound = self._inbound[stream] = InboundStream(send, close)
        return inbound

    def outbound(self, stream: int) -> OutboundStream:
        """Return the stream that the core sends under this id."""
        outbound = self._outbound.get(stream)
        if outbound is None:

            def grant(size: int) -> None:
                self.deliver("credit", stream, size)

            def stop(reason: str) -> None:
                self._outbound[stream] = None
                self.deliver("cancel", stream, reason)

            outbound = self._outbound[stream] = OutboundStream(grant, stop)
        return outbound

    # --- what the lane hands in -----------------------------------------------------------------------------------

    def take_turn(self, records: bytes, attachments: list[bytes], outcome: Outcome | None) -> None:
        """Act on what a turn produced.

        Raises
        ------
        ViolationError
            It is not what the boundary allows.

        """
        if records:
            for record in decode_records(records):
                if isinstance(record, Head):
                    self._take_head(record, attachments)
                else:
                    self._take(record, attachments, last=outcome is not None)
        if outcome is not None:
            self.finish(outcome)

    def _take(self, record: Sidelined, attachments: list[bytes], *, last: bool) -> None:
        match record:
            case Log():
                self._take_log(record)
            case Chunk():
                self._take_chunk(record, attachments)
            case Credit():
                if inbound := self._inbound.get(record.id):
                    inbound.granted(record.bytes)
            case Op():
                self._take_op(record, attachments)
            case Abort():
                if task := self._running.get(record.id):
                    task.cancel()
            case End():
                self._close_outbound(record.id, None)
            case Fail():
                message = masked(record.message, self.deployment.secrets)
                self._close_outbound(record.id, StreamError("Error", message))
            case Cancel():
                if inbound := self._inbound.get(record.id):
                    inbound.cancel()
            case Result():
                self.result = record
            case TaskSettings():
                if self.on_settings is not None:
                    self.on_settings(record.settings)
            case Error():
                if self.deployment.secrets:
                    error = masked_error(record.error, self.deployment.secrets)
                    record = Error(error, record.kind)
                self.error = record.error
                # With the outcome in the same turn, the outcome is the better answer: it knows which limit it was.
                if not last:
                    self._answer(_failure(record))

    def _take_head(self, head: Head, attachments: list[bytes]) -> None:
        if self.answer.done() and not self.answer.cancelled():
            raise ViolationError("a second answer")
        body = head.body
        content: bytes | ByteStream | None = None
        encoding = ""
        if body is None:
            pass
        elif body.text is not None:
            content = body.text.encode()
        elif body.bytes is not None:
            content = attachment_of(attachments, body.bytes)
        elif body.forward is not None:
            inbound = self._inbound.get(body.forward)
            if inbound is None:
                raise ViolationError(f"forward of stream {body.forward}, which is not there")
            content = inbound.forward() if inbound.held is None else inbound.held
            encoding = inbound.encoding
        elif body.stream:
            content = self.outbound(_BODY)
        if isinstance(content, bytes) and len(content) > _MAX_INLINE_BYTES:
            raise ViolationError(f"an inline body of {len(content)} bytes")
        self._answer(Response(head, content, encoding))

    def _take_log(self, record: Log) -> None:
        # The core keeps these limits, and says so in a line; this is for a core that was taken over.
        self._lines_left -= 1
        self._text_left -= len(record.text)
        if self._lines_left >= 0 and self._text_left >= 0:
            level = record.level if record.level in _LEVELS else "INFO"
            text = masked(record.text, self.deployment.secrets)
            self._console.console(self.deployment, level, text)

    def _take_chunk(self, record: Chunk, attachments: list[bytes]) -> None:
        known = record.id in self._outbound or record.id in self._running
        if not known:
            if 0 < record.id <= self._op_id:
                return  # of an op that has ended meanwhile
            raise ViolationError(f"a chunk of stream {record.id}, which is not there")
        if self._outbound.get(record.id, _UNOPENED) is None:
            return  # cancelled, and not yet known there
        self.outbound(record.id).receive(attachment_of(attachments, record.attachment))

    def _close_outbound(self, stream: int, error: StreamError | None) -> None:
        if stream in self._running or self._outbound.get(stream) is not None:
            self.outbound(stream).finish(error)

    def _take_op(self, record: Op, attachments: list[bytes]) -> None:
        if record.id != self._op_id + 1 or record.id > _MAX_OPS:
            raise ViolationError(f"op {record.id} after op {self._op_id}")
        self._op_id = record.id
        attachment = attachment_of(attachments, record.attachment)
        if not self._ops.knows(record.name):
            error = {"name": "TypeError", "message": f"there is no op {record.name[:64]!r}"}
            self.deliver("reject", record.id, error)
            return
        count = self._op_counts[record.name] = self._op_counts.get(record.name, 0) + 1
        if not self.deployment.op_limits.allow(record.name, count):
            raise ViolationError(f"{record.name} op {count}, which is more than allowed")
        call = OpCall(self, record.id, record.name, record.args, attachment)
        task = self._running[record.id] = self._ops.start(call)
        task.add_done_callback(lambda _: self._running.pop(call.id, None))

    def _answer(self, answer: Answer) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)
            if self.context.observation is not None:
                self.context.observation.answered()

    def finish(self, outcome: Outcome) -> None:
        """The execution has ended: whatever still hangs on it ends, too."""
        if self.outcome is not None:
            return
        if outcome.error is None and (thrown := self.error) is not None:
            error = ErrorInfo(thrown.name, thrown.message, thrown.stack)
            outcome = Outcome(outcome.kind, error, outcome.usage)
        elif outcome.error is not None and self.deployment.secrets:
            error = masked_error(outcome.error, self.deployment.secrets)
            outcome = Outcome(outcome.kind, error, outcome.usage)
        self.outcome = outcome
        if outcome.kind is not OutcomeKind.OK:
            self._console.failure(self.deployment, outcome, self.context)
        if not self.answer.done():
            self.answer.set_result(outcome)
        if self._running:
            for number, task in tuple(self._running.items()):
                inbound = self._inbound.get(number)
                # A forwarded body goes on without JavaScript.
                if inbound is None or not inbound.forwarded:
                    task.cancel()
        for outbound in self._outbound.values():
            if outbound is not None and not outbound.finished:
                outbound.finish(StreamError("Error", f"the execution ended: {outcome.kind}"))
        for inbound in self._inbound.values():
            if not inbound.forwarded:
                inbound.cancel()
        # Let go of those who wait: they hold on to us, and garbage is cheaper not to make than to collect.
        waiting, self.on_end = self.on_end, []
        for call in waiting:
            call(self)


def _failure(record: Error) -> Thrown | Outcome:
    if record.kind is None:
        return record.error
    thrown = record.error
    error = ErrorInfo(thrown.name, thrown.message, thrown.stack)
    return Outcome(OutcomeKind(record.kind), error)


_UNOPENED: Final[Any] = object()
