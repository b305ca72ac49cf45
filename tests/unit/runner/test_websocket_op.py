"""The websocket op and its messages: what the core may send, what peers do, and where sockets may lead."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import OpError, StreamError, ViolationError
from runner.ops.addresses import AddressPolicy
from runner.ops.websocket import WebSocketArgs, WebSockets
from runner.sockets.client import Dialer
from runner.sockets.messages import MAX_MESSAGE_BYTES, Kind, Message, MessageReader, closing
from runner.sockets.relay import PeerLostError, relay
from runner.streams import ByteStream, InboundStream

MESSAGES = st.builds(Message, st.sampled_from(Kind), st.binary(max_size=300))


@given(st.lists(MESSAGES, max_size=8), st.integers(1, 50))
def test_messages_survive_any_cut(messages: list[Message], size: int) -> None:
    """However the stream is cut into chunks, the messages are those that were sent."""
    data = b"".join(message.encode() for message in messages)
    reader = MessageReader()
    read = [
        message
        for start in range(0, len(data), size)
        for message in reader.feed(data[start : start + size])
    ]
    assert read == messages


@pytest.mark.parametrize("data", [b"\x03\0\0\0\0", b"\x01\xff\0\0\0", b"\0\0\0\0\0"])
def test_what_the_core_never_sends_is_a_violation(data: bytes) -> None:
    with pytest.raises(ViolationError):
        list(MessageReader().feed(data))


def test_closes_have_code_and_reason() -> None:
    assert (closing(1005).code, closing(1005).content) == (1005, b"")
    assert (closing(4000, "é" * 100).code, closing(4000, "é" * 100).reason) == (4000, "é" * 61)
    assert MAX_MESSAGE_BYTES == 1 << 20


class Talker:
    """A peer that says what it is told to, and keeps what it hears."""

    def __init__(self, *says: Message) -> None:
        self.says = asyncio.Queue[Message]()
        for message in says:
            self.says.put_nowait(message)
        self.heard: list[Message] = []
        self.lost = False

    async def send(self, message: Message) -> None:
        if self.lost:
            raise PeerLostError
        self.heard.append(message)
        if message.kind is Kind.CLOSE:
            self.says.put_nowait(message)

    async def receive(self) -> Message:
        message = await self.says.get()
        if self.lost:
            raise PeerLostError
        return message


def streams() -> tuple[ByteStream, InboundStream, list[Message]]:
    """Return what the core sends, what it receives, and the messages of the latter."""
    reader, received = MessageReader(), list[Message]()
    inbound = InboundStream(lambda chunk: received.extend(reader.feed(chunk)), lambda _: None)
    inbound.granted(1 << 18)
    return ByteStream(lambda _: None, lambda _: None), inbound, received


async def test_the_worker_closes() -> None:
    """Its messages go out in order, the peer's answer to its close ends the relay."""
    sent, inbound, received = streams()
    peer = Talker(Message(Kind.TEXT, b"first"))
    sent.push(Message(Kind.BINARY, b"x").encode() + closing(4000, "bye").encode())
    await relay(peer, sent, inbound)
    assert peer.heard == [Message(Kind.BINARY, b"x"), closing(4000, "bye")]
    assert received == [Message(Kind.TEXT, b"first"), closing(4000, "bye")]
    assert inbound.closed
    assert sent.finished


async def test_a_worker_that_ends_is_told_to_the_peer() -> None:
    sent, inbound, received = streams()
    peer = Talker()
    sent.finish(StreamError("Error", "the execution ended"))
    await relay(peer, sent, inbound)
    assert peer.heard == [closing(1011, "the worker has ended")]
    assert received[-1].code == 1011


async def test_a_peer_that_is_lost_is_told_to_the_worker() -> None:
    sent, inbound, received = streams()
    peer = Talker(Message(Kind.TEXT, b""))
    peer.lost = True
    await relay(peer, sent, inbound)
    assert received == [closing(1006)]


async def test_nonsense_of_the_core_is_told() -> None:
    """It ends the socket as a violation."""
    sent, inbound, _ = streams()
    sent.push(b"\x07\0\0\0\0")
    peer = Talker()
    relaying = asyncio.ensure_future(relay(peer, sent, inbound))
    while not sent.finished and not relaying.done():
        await asyncio.sleep(0)
        peer.says.put_nowait(closing(1000))
    with pytest.raises(ViolationError):
        await relaying


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ws://127.0.0.1:1/", "is not a public address"),
        ("wss://[::1]/", "is not a public address"),
        ("http://169.254.169.254/", "is not a public address"),
        ("ws://nowhere.invalid/", "there is no host"),
        ("ftp://a.test/", "is no URL of one"),
        ("ws:///", "is no URL of one"),
        ("ws://a.test:99999/", "is no URL of one"),
    ],
)
async def test_where_sockets_do_not_lead(url: str, words: str) -> None:
    """The guard of fetch is that of sockets, too."""
    with pytest.raises(OpError, match=words):
        await Dialer(AddressPolicy()).open(url, [], [])


async def test_a_server_that_speaks_something_else() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-none\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(OpError, match="does not speak WebSocket"):
            await Dialer(AddressPolicy(allow_all=True)).open(f"ws://127.0.0.1:{port}/", [], [])


async def test_headers_of_the_handshake_are_ours() -> None:
    """What a worker says about the connection is not sent, its other headers are."""
    heard: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        writer.write(b"HTTP/1.1 401 No\r\ncontent-length: 4\r\nx-a: b\r\n\r\nbody")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        headers = [
            ("Host", "other.test"),
            ("Upgrade", "x"),
            ("Sec-WebSocket-Key", "mine"),
            ("Authorization", "Bearer t"),
        ]
        sockets = WebSockets(Dialer(AddressPolicy(allow_all=True)), "Agent/1")
        args = WebSocketArgs(f"http://127.0.0.1:{port}/p?q", headers, [])
        shaken = await sockets.shake_hands(args)
    assert (shaken.status, shaken.body, shaken.peer) == (401, b"body", None)
    assert heard[0].startswith("get /p?q http/1.1\r\n")
    assert f"host: 127.0.0.1:{port}" in heard[0]
    assert "authorization: bearer t" in heard[0]
    assert "user-agent: agent/1" in heard[0]
    assert "other.test" not in heard[0]
    assert "mine" not in heard[0]
