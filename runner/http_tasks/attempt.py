"""One attempt of an HTTP task: the request, the redirects and challenges that follow from it, and the answer in the end.

The same for both transports, each of which sends one request at a time. Must not know the queue, nor what becomes of answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from runner.errors import OpError
from runner.http_tasks.cookies import Cookies
from runner.http_tasks.errors import ExchangeError, OversizeError
from runner.http_tasks.model import MAX_RESPONSE_BYTES
from runner.http_tasks.outgoing import first_request, signed
from runner.http_tasks.redirects import redirected
from runner.http_tasks.strict import StrictHosts

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.http_tasks.model import Credentials, HttpTask
    from runner.http_tasks.outgoing import Headers, Incoming, Outgoing
    from runner.http_tasks.session import Session, Transport

_UNAUTHORIZED: Final = 401


class Attempt:
    """``tracing``: the headers that say which task and attempt it is. ``clock()``: seconds since 1970.

    Raises
    ------
    ExchangeError
        The task can not be sent as it is.

    """

    def __init__(
        self,
        task: HttpTask,
        tracing: Headers,
        transport: Transport,
        session: Session,
        clock: Callable[[], float],
    ) -> None:
        self._task = task
        self._transport = transport
        self._session = session
        self._clock = clock
        self._strict = StrictHosts(task.config.hsts)
        self._outgoing = first_request(task, tracing)
        self._cookies = Cookies(task.request.cookie, self._outgoing.url)
        proto = task.config.proto
        if proto is not None and self._outgoing.origin[0] != proto:
            raise ExchangeError(
                f"its URL is none of {proto}, which is all that it allows", "EACCES"
            )

    async def run(self) -> Incoming:
        """Return the answer to the last request of the chain.

        Raises
        ------
        ExchangeError
            There is none.
        OversizeError
            It is too large.

        """
        while True:
            self._outgoing.url = self._strict.upgraded(self._outgoing.url)
            incoming = await self._answered()
            url = self._outgoing.url
            self._strict.hear(url, incoming.values("strict-transport-security"))
            if not redirected(self._outgoing, incoming, self._task):
                return self._decoded(incoming)

    async def _answered(self) -> Incoming:
        """Send a request, and once more if it is to be proven who asks."""
        digest = self._task.request.auth_digest
        if digest is None or not self._outgoing.at_home or self._omits_credentials:
            return await self._send([])
        proof = _Digest(digest, self._outgoing)
        while True:
            incoming = await self._send(proof.headers())
            if not proof.challenged(incoming):
                return incoming

    @property
    def _omits_credentials(self) -> bool:
        mode = self._task.config.credentials
        return mode == "omit" or (mode == "same-origin" and not self._outgoing.at_home)

    async def _send(self, more: Headers) -> Incoming:
        outgoing = self._outgoing
        more = [*more, *signed(outgoing, self._task, int(self._clock()))]
        if self._omits_credentials:
            outgoing.drop({"authorization", "cookie"})
        elif not outgoing.named("cookie") and (cookie := self._cookies.header(outgoing.url)):
            more.append(("Cookie", cookie))
        incoming = await self._transport.send(outgoing, more, self._session)
        self._cookies.take(outgoing.url, incoming.headers)
        return incoming

    def _decoded(self, incoming: Incoming) -> Incoming:
        """Undo the encodings of an answer, as fetch does; curl leaves them."""
        encodings = incoming.values("content-encoding")
        if not encodings or not incoming.body or self._task.request.transport != "fetch":
            return incoming
        from runner.ops.decoding import decoder_for

        body = bytearray()
        try:
            decoder = decoder_for(", ".join(encodings))
            if decoder is None:
                return incoming
            for piece in decoder.feed(incoming.body):
                body += piece
                if len(body) > MAX_RESPONSE_BYTES:
                    raise OversizeError
        except OpError:
            raise ExchangeError("the answer's encoding is broken", "EPROTO") from None
        incoming.body = bytes(body)
        return incoming


class _Digest:
    """The part of httpx that answers challenges of RFC 7616, over requests of ours."""

    def __init__(self, credentials: Credentials, outgoing: Outgoing) -> None:
        import httpx

        outgoing.drop({"authorization"})
        auth = httpx.DigestAuth(credentials.username, credentials.password)
        self._flow = auth.auth_flow(httpx.Request(outgoing.method, outgoing.url))
        self._request = next(self._flow)

    def headers(self) -> Headers:
        """Return what the next request has to say."""
        value = self._request.headers.get("authorization")
        return [] if value is None else [("Authorization", value)]

    def challenged(self, incoming: Incoming) -> bool:
        """Tell whether an answer wants to be asked for again."""
        import httpx

        challenges = [header for header in incoming.headers if header[0] == "www-authenticate"]
        response = httpx.Response(incoming.status, headers=challenges, request=self._request)
        try:
            self._request = self._flow.send(response)
        except (StopIteration, httpx.ProtocolError):
            # It was the answer, or a challenge that nobody can meet.
            return False
        return True
