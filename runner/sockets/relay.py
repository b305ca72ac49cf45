"""Carries messages between a peer and the two streams that the core has for it, until one of them closes.

Both directions wait for who is slow. Must not know how the peer is connected.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from runner.errors import StreamError
from runner.sockets.messages import LOST, Kind, MessageReader, closing

if TYPE_CHECKING:
    from runner.sockets.messages import Message
    from runner.streams import ByteStream, InboundStream

CLOSING_S: Final = 10.0
"""How long a peer may take to answer a close."""
_WORKER_GONE: Final = closing(1011, "the worker has ended")


class PeerLostError(Exception):
    """The connection to the peer is gone."""


class Peer(Protocol):
    """Who is at the other end."""

    async def send(self, message: Message) -> None:
        """Send, as fast as the peer takes it; raises PeerLostError."""
        ...

    async def receive(self) -> Message:
        """Return the next message; after a close there is none. Raises PeerLostError."""
        ...


async def relay(peer: Peer, sent: ByteStream, received: InboundStream) -> None:
    """Carry messages until the peer has closed, or answered our close, or is lost.

    Raises
    ------
    ViolationError
        The core sent what are no messages.

    """
    sending = asyncio.create_task(_send(peer, sent), name="websocket out")
    try:
        last = await _receive(peer, received, sending)
        await received.write(last.encode())
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        sent.cancel("the socket is closed")
        received.close()
    if not sending.cancelled() and (error := sending.exception()) is not None:
        raise error


async def _send(peer: Peer, sent: ByteStream) -> None:
    """Send what the core says, up to its close."""
    reader = MessageReader()
    try:
        while (chunk := await sent.read()) is not None:
            for message in reader.feed(chunk):
                await peer.send(message)
                if message.kind is Kind.CLOSE:
                    return
    except StreamError:
        pass
    except PeerLostError:
        return
    try:
        await peer.send(_WORKER_GONE)
    except PeerLostError:
        return


async def _receive(peer: Peer, received: InboundStream, sending: asyncio.Task[None]) -> Message:
    """Hand on what the peer says, and return its close."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as limit:

            def hurry(_: asyncio.Task[None]) -> None:
                if not limit.expired():
                    limit.reschedule(loop.time() + CLOSING_S)

            sending.add_done_callback(hurry)
            try:
                while (message := await peer.receive()).kind is not Kind.CLOSE:
                    await received.write(message.encode())
            finally:
                sending.remove_done_callback(hurry)
            return message
    except (TimeoutError, PeerLostError):
        return closing(LOST)
