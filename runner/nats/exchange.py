"""One request from NATS and its answer, in one message or in parts (docs/nats.md).

Must not know how workers are found, nor where lanes are.
"""

from __future__ import annotations

import logging
from time import perf_counter
from typing import TYPE_CHECKING, Final

from runner.errors import NatsUnavailableError, NotResolvedError, StreamError
from runner.ingress.answers import Problem
from runner.nats.bodies import BodyReceiver, BodySender
from runner.nats.parts import CREDIT, NUMBER, PART, STATUS, Kind, passed_on, read_fetch, size_of

if TYPE_CHECKING:
    from nats.aio.msg import Msg

    from runner.calls import Call, Reply
    from runner.nats.client import Pairs
    from runner.nats.fetch import NatsIngress
    from runner.nats.parts import Fetch, Part

_log = logging.getLogger(__name__)
_FLUSH_BYTES: Final = 256 << 10
_DRAINING: Final = Problem(503, "the runner is shutting down", "Terminated", 1)


class NatsExchange:
    """One request and its answer."""

    __slots__ = (
        "_call",
        "_fetch",
        "_ingress",
        "_left",
        "_message",
        "_receiver",
        "_sender",
        "_subject",
        "_token",
        "_unflushed",
    )

    def __init__(self, ingress: NatsIngress, message: Msg) -> None:
        self._ingress = ingress
        self._message = message
        self._fetch: Fetch | None = None
        self._call: Call | None = None
        self._sender: BodySender | None = None
        self._receiver: BodyReceiver | None = None
        self._token = ""
        self._subject = ""
        """Where the requester can talk to us; empty until it needs to."""
        self._left = False
        self._unflushed = 0

    async def run(self) -> None:
        """Serve the request; problems are answers, too."""
        ingress, began = self._ingress, perf_counter()
        problem = ""
        try:
            problem = await self._serve()
        except NatsUnavailableError as error:
            problem = error.reason
        finally:
            ingress.patience.end(self)
            ingress.talking.pop(self._token, None)
            endpoint = "fetch" if "." in self._message.subject else "fetch-host"
            ingress.meter.count(endpoint, perf_counter() - began, problem)

    async def _serve(self) -> str:
        """Answer; return what went wrong."""
        ingress = self._ingress
        try:
            self._fetch = fetch = read_fetch(self._message, ingress.new_id)
        except NotResolvedError as error:
            _log.info("a message to %s is refused: %s", self._message.subject, error.reason)
            return await self._tell(Problem(error.status, error.reason))
        if ingress.calls.serving.admission.draining:
            return await self._tell(_DRAINING)
        request = fetch.request
        if fetch.streamed:
            self._receiver = BodyReceiver(self._publish, len(fetch.data))
            await self._open()
        elif fetch.window:
            ingress.patience.begin(self)
        body = fetch.data if self._receiver is None else Upload(fetch.data, self._receiver)
        context = request.context(
            {
                "messaging.system": "nats",
                "messaging.destination.name": self._message.subject,
                "messaging.operation.type": "process",
            }
        )
        async with ingress.calls.open(request, body, context=context) as call:
            self._call = call
            answer = None if self._left else await call.answer()
            if answer is None or self._left:
                return "the requester left"
            ingress.patience.end(self)
            return await (
                self._tell(answer) if isinstance(answer, Problem) else self._reply(answer)
            )

    # --- the answer -----------------------------------------------------------------------------------------------

    async def _reply(self, reply: Reply) -> str:
        bus, body = self._ingress.bus, reply.body or b""
        headers = [(NUMBER, "0"), (STATUS, f"{reply.status}"), *passed_on(reply.headers)]
        size = size_of(headers)
        if size > bus.max_payload // 2:
            return await self._tell(Problem(500, "the response's headers are too large for NATS"))
        if isinstance(body, bytes) and size + len(body) <= bus.max_payload:
            await self._publish([(PART, Kind.WHOLE), *headers], body)
            return ""
        self._listen()
        assert self._fetch is not None
        window = self._fetch.window or None
        sender = self._sender = BodySender(self._publish, bus.max_payload, window)
        await self._publish([(PART, Kind.HEAD), *headers], b"")
        if isinstance(body, bytes):
            await sender.send(body)
        else:
            try:
                while (chunk := await body.read()) is not None:
                    await sender.send(chunk)
            except StreamError as error:
                # Why is the tenant's business.
                await sender.end("the body failed")
                return f"the body failed: {error.message}"
        await sender.end()
        return ""

    async def _tell(self, problem: Problem) -> str:
        fetch = self._fetch
        request_id, as_json = (
            (fetch.request.id, fetch.request.wants_json) if fetch is not None else ("-", False)
        )
        headers, body = problem.render(request_id, as_json=as_json)
        told = [(name.decode(), value.decode("latin-1")) for name, value in headers]
        ours = [(PART, Kind.WHOLE), (NUMBER, "0"), (STATUS, f"{problem.status}")]
        await self._publish(ours + told, body)
        return problem.message

    async def _publish(self, headers: Pairs, data: bytes) -> None:
        """Send a part. Requesters that do not count are given time by waiting for the server."""
        bus, inbox = self._ingress.bus, self._message.reply
        if not inbox:
            return
        await bus.publish(inbox, data, reply=self._subject, headers=headers)
        if self._sender is not None and not self._sender.counted:
            self._unflushed += len(data)
            if self._unflushed >= _FLUSH_BYTES:
                self._unflushed = 0
                await bus.flush()

    # --- the requester --------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """The answer takes a moment: tell the requester where to find us."""
        if not self._token:
            self._ingress.run(self._open(), "wait")

    async def _open(self) -> None:
        self._listen()
        headers: Pairs = [(PART, Kind.WAIT)]
        if self._receiver is not None:
            headers.append((CREDIT, f"{self._receiver.allowed}"))
        try:
            await self._publish(headers, b"")
        except NatsUnavailableError as error:
            _log.debug("a requester can not be told to wait: %s", error)

    def _listen(self) -> None:
        if not self._token:
            ingress = self._ingress
            self._token = next(ingress.tokens)
            self._subject = f"{ingress.inbox}.{self._token}"
            ingress.talking[self._token] = self

    def probe(self) -> None:
        """Send something, so that the server can say that nobody is there."""
        if self._fetch is not None and self._fetch.window:
            self._ingress.run(self._open(), "probe")

    def hear(self, part: Part) -> Pairs:
        """Take what the requester says; return the answer to a ping."""
        answer: Pairs = [(PART, Kind.PONG)]
        if part.credit is not None and self._sender is not None:
            self._sender.allow(part.credit)
        if part.kind is Kind.CANCEL:
            self.leave()
        elif self._receiver is not None:
            answer.append((CREDIT, f"{self._receiver.allowed}"))
            if part.kind in {Kind.CHUNK, Kind.END, Kind.ERROR}:
                self._receiver.take(part)
        return answer

    def leave(self) -> None:
        """The requester has left: nothing is wanted any more."""
        if self._left:
            return
        self._left = True
        if self._receiver is not None:
            self._receiver.fail("the client left in the middle of its request")
        if self._sender is not None:
            self._sender.stop()
        if self._call is not None:
            self._call.cancel()


class Upload:
    """A request's body: what came with the message, then what comes after it."""

    def __init__(self, first: bytes, rest: BodyReceiver) -> None:
        self._first = first
        self._rest = rest

    async def read(self) -> bytes | None:
        """Return the next piece, or None at the end.

        Raises
        ------
        StreamError
            It was not all.

        """
        if self._first:
            first, self._first = self._first, b""
            return first
        try:
            return await self._rest.read()
        except NatsUnavailableError as error:
            raise StreamError("NetworkError", error.reason) from error

    def cancel(self, reason: str) -> None:
        self._rest.cancel(reason)
