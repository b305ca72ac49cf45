"""The ``websocket`` op: a WebSocket to the world. It lasts as long as the socket; its two streams carry the messages.

Must not know frames of the network, nor how addresses are judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from runner.errors import OpError
from runner.sockets.relay import relay

if TYPE_CHECKING:
    from runner.ops.registry import OpCall
    from runner.sockets.client import Dialer, Handshake

_NOT_SENT: Final = frozenset(
    {
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_NOT_SENT_PREFIXES: Final = ("sec-websocket-", "x-worker-", "x-isolane-", "proxy-")
_NOT_PASSED: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


class WebSocketArgs(msgspec.Struct, frozen=True):
    """Arguments as the boundary has them."""

    url: str
    headers: list[tuple[str, str]]
    protocols: list[str]


class WebSockets:
    """The handler."""

    def __init__(self, dialer: Dialer, user_agent: str) -> None:
        self._dialer = dialer
        self._user_agent = user_agent

    async def __call__(self, call: OpCall) -> None:
        args = call.args(WebSocketArgs)
        shaken = await self.shake_hands(args)
        peer = shaken.peer
        if peer is None:
            call.resolve(_answer(args, shaken) | {"body": "bytes"}, shaken.body)
            return
        try:
            received, sent = call.open_body(), call.sent_body()
            call.resolve(_answer(args, shaken))
            await relay(peer, sent, received)
        finally:
            await peer.abort()

    async def shake_hands(self, args: WebSocketArgs) -> Handshake:
        """Connect; raises OpError."""
        try:
            return await self._dialer.open(args.url, _protocols(args), self._headers(args))
        except UnicodeEncodeError:
            raise OpError("TypeError", "WebSocket: a header has characters above U+00FF") from None

    def _headers(self, args: WebSocketArgs) -> list[tuple[str, str]]:
        headers = [
            (name, value)
            for name, value in args.headers
            if (lower := name.lower()) not in _NOT_SENT and not lower.startswith(_NOT_SENT_PREFIXES)
        ]
        if not any(name.lower() == "user-agent" for name, _ in headers):
            headers.append(("user-agent", self._user_agent))
        return headers


def _protocols(args: WebSocketArgs) -> list[str]:
    """Return the protocols to offer: those of ``new WebSocket``, or those that a request's header has."""
    named = [value for name, value in args.headers if name.lower() == "sec-websocket-protocol"]
    return args.protocols + [name.strip() for name in ",".join(named).split(",") if name.strip()]


def _answer(args: WebSocketArgs, shaken: Handshake) -> dict[str, Any]:
    return {
        "status": shaken.status,
        "statusText": "",
        "headers": [header for header in shaken.headers if header[0] not in _NOT_PASSED],
        "url": args.url.partition("#")[0],
        "protocol": shaken.protocol,
        "body": None,
    }
