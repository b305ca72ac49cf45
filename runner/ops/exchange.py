"""HTTP/1.1 over one connection that was judged: a request goes out, its response comes in, at the same time if need be.

httpcore's own connection reads nothing of a response before all of a request is sent. A server that answers early (with an
error, or with what it makes of the beginning of an upload) and does not read on would keep both waiting for each other. This one
sends a streamed body in a task beside the reading; what is still unsent when the response has ended is not sent. Must not
know which connections there are, nor ops.
"""

from __future__ import annotations

import asyncio
import time
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

import h11
import httpcore

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

_READ_BYTES: Final = 65536
_SAFE: Final = frozenset({b"GET", b"HEAD", b"OPTIONS"})
MAX_HEAD_BYTES: Final = 100 * 1024
"""The longest head of a response."""


class _State(Enum):
    NEW = auto()
    ACTIVE = auto()
    IDLE = auto()
    CLOSED = auto()


class Connection(httpcore.AsyncConnectionInterface):
    """A connection to an origin, opened with its first request; one request at a time.

    A request's extensions: ``timeout`` as httpcore has it, and ``streams``, true when its body takes its time.
    """

    def __init__(
        self,
        origin: httpcore.Origin,
        backend: httpcore.AsyncNetworkBackend,
        tls: ssl.SSLContext,
        keep_s: float,
    ) -> None:
        self._origin = origin
        self._backend = backend
        self._tls = tls
        self._keep_s = keep_s
        self._state = _State.NEW
        self._expires = 0.0
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._opened: httpcore.AsyncNetworkStream | None = None
        self._timeouts: dict[str, float | None] = {}
        self._upload: asyncio.Task[None] | None = None
        self._uploaded = False
        self._failure: Exception | None = None
        self._answered = False
        """A byte of the response has come."""

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        before, self._state = self._state, _State.ACTIVE
        if before not in {_State.NEW, _State.IDLE}:
            self._state = before
            raise httpcore.ConnectionNotAvailable
        self._timeouts = request.extensions.get("timeout", {})
        try:
            if before is _State.NEW:
                self._opened = await self._open()
            elif self._stream.get_extra_info("is_readable"):
                # All that can be read now is its end: the pool takes another one.
                await self.aclose()
                raise httpcore.ConnectionNotAvailable
            self._answered = False
            await self._send(request)
            head = await self._receive_head()
        except (httpcore.RemoteProtocolError, httpcore.ReadError) as error:
            await self.aclose()
            if before is _State.IDLE and not self._answered and _is_repeatable(request):
                # The server closed it while the request was on its way (RFC 9110, 9.2.2): the pool takes another one.
                raise httpcore.ConnectionNotAvailable from error
            raise
        except BaseException:
            await self.aclose()
            raise
        return httpcore.Response(
            head.status_code,
            headers=head.headers.raw_items(),
            content=_Body(self),
            extensions={"http_version": b"HTTP/" + head.http_version, "reason_phrase": head.reason},
        )

    @property
    def _stream(self) -> httpcore.AsyncNetworkStream:
        assert self._opened is not None
        return self._opened

    async def _open(self) -> httpcore.AsyncNetworkStream:
        origin = self._origin
        host = origin.host.decode("ascii")
        seconds = self._timeouts.get("connect")
        stream = await self._backend.connect_tcp(host, origin.port, timeout=seconds)
        # Who is cancelled now closes it; httpcore does so for errors only.
        self._opened = stream
        if origin.scheme == b"https":
            stream = await stream.start_tls(self._tls, server_hostname=host, timeout=seconds)
        return stream

    async def _send(self, request: httpcore.Request) -> None:
        try:
            head = h11.Request(
                method=request.method, target=request.url.target, headers=request.headers
            )
            data = self._protocol.send(head) or b""
        except h11.LocalProtocolError as error:
            raise httpcore.LocalProtocolError(str(error)) from error
        chunks = aiter(request.stream)  # type: ignore[arg-type] # ours are asynchronous
        if request.extensions.get("streams"):
            await self._write(data)
            self._upload = asyncio.create_task(self._send_along(chunks), name="upload")
            return
        try:
            async for chunk in chunks:
                data += self._protocol.send(h11.Data(data=chunk)) or b""
                if len(data) > _READ_BYTES:
                    await self._write(data)
                    data = b""
            await self._write(data + (self._protocol.send(h11.EndOfMessage()) or b""))
        except httpcore.WriteError:
            pass  # maybe it answered before it left

    async def _send_along(self, chunks: AsyncIterator[bytes]) -> None:
        """Send a body while its response may come in already."""
        try:
            async for chunk in chunks:
                await self._write(self._protocol.send(h11.Data(data=chunk)) or b"")
                self._uploaded = True
            await self._write(self._protocol.send(h11.EndOfMessage()) or b"")
        except httpcore.WriteError:
            pass  # likewise
        except Exception as error:  # noqa: BLE001 - raised by who reads, which ends now
            self._failure = error
            await self._stream.aclose()
        finally:
            await _end(chunks)

    async def _write(self, data: bytes) -> None:
        await self._stream.write(data, timeout=self._timeouts.get("write"))

    async def _receive_head(self) -> h11.Response:
        while True:
            event = await self._receive()
            if isinstance(event, h11.Response):
                return event

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give the response's body; trailers are left out."""
        while isinstance(event := await self._receive(), h11.Data):
            yield bytes(event.data)

    async def _receive(self) -> Any:
        protocol = self._protocol
        try:
            while (event := protocol.next_event()) is h11.NEED_DATA:
                data = await self._read()
                self._answered = self._answered or bool(data)
                if not data and protocol.their_state is h11.SEND_RESPONSE:
                    raise httpcore.RemoteProtocolError("Server disconnected without a response")
                protocol.receive_data(data)
        except h11.RemoteProtocolError as error:
            raise httpcore.RemoteProtocolError(str(error)) from error
        return event

    async def _read(self) -> bytes:
        while True:
            self._uploaded = False
            try:
                return await self._stream.read(_READ_BYTES, timeout=self._timeouts.get("read"))
            except httpcore.ReadTimeout:
                # A server may well wait for the end of what it is sent.
                if not self._uploaded:
                    raise
            except httpcore.ReadError:
                if self._failure is not None:
                    raise self._failure from None
                raise

    async def finish(self) -> None:
        """The response was read, or is not wanted any more."""
        if self._state is not _State.ACTIVE:
            return
        protocol = self._protocol
        both = protocol.our_state is h11.DONE and protocol.their_state is h11.DONE
        # A request may be at its end and still on its way to the socket.
        if both and (self._upload is None or self._upload.done()):
            protocol.start_next_cycle()
            self._upload = None
            self._expires = time.monotonic() + self._keep_s
            self._state = _State.IDLE
        else:
            await self.aclose()

    async def aclose(self) -> None:
        self._state = _State.CLOSED
        upload, self._upload = self._upload, None
        if upload is not None:
            upload.cancel()
            await asyncio.gather(upload, return_exceptions=True)
        if self._opened is not None:
            await self._opened.aclose()

    def info(self) -> str:
        return f"{self._origin}, HTTP/1.1, {self._state.name}"

    def can_handle_request(self, origin: httpcore.Origin) -> bool:
        return origin == self._origin

    def is_available(self) -> bool:
        return self._state is _State.IDLE

    def has_expired(self) -> bool:
        return self._state is _State.IDLE and time.monotonic() > self._expires

    def is_idle(self) -> bool:
        return self._state is _State.IDLE

    def is_closed(self) -> bool:
        return self._state is _State.CLOSED


def _is_repeatable(request: httpcore.Request) -> bool:
    """Whether it may reach a server twice, and can be sent twice."""
    return request.method in _SAFE and not request.extensions.get("streams")


class _Body:
    """What the pool iterates and closes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._connection.chunks():
            yield chunk

    async def aclose(self) -> None:
        await self._connection.finish()


async def _end(chunks: AsyncIterator[bytes]) -> None:
    """Have a generator that was left in the middle clean up now, and not when it is collected."""
    close = getattr(chunks, "aclose", None)
    if close is not None:
        await close()
