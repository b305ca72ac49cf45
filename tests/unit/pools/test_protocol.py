"""Frames: cut anywhere they come out whole, and what is no message is refused."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pools import protocol
from pools.errors import ProtocolError
from pools.protocol import (
    Deliver,
    Deploy,
    Forget,
    FrameReader,
    FromLane,
    Outcome,
    OutcomeKind,
    Start,
    Terminate,
    ToLane,
    Turn,
    encode_frame,
)

MESSAGES: list[ToLane] = [
    Deploy("key", "main.js", {"main.js": "export default 1 // 😀"}),
    Start(1, "key", "tenant", "worker", b"{}", [b"\0\xff" * 1000]),
    Deliver(1, b"[]", [b"", b"x"]),
    Terminate(1, OutcomeKind.ABORTED),
    Forget("key"),
]


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=50))
def test_messages_survive_any_cut(cuts: list[int]) -> None:
    """Whatever pieces the socket gives, the messages come out in order."""
    data = b"".join(map(encode_frame, MESSAGES))
    reader: FrameReader[ToLane] = FrameReader(ToLane)
    found: list[ToLane] = []
    for cut in cuts:
        found += reader.feed(data[:cut])
        data = data[cut:]
    found += reader.feed(data)
    assert found == MESSAGES


def test_direction_is_checked() -> None:
    """A lane's message is none of the runner's."""
    reader: FrameReader[FromLane] = FrameReader(FromLane)
    with pytest.raises(ProtocolError, match="no known message"):
        reader.feed(encode_frame(Forget("key")))


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x90", b"\x93\x10\x01\x02", b"\xff" * 20])
def test_garbage_is_refused(body: bytes) -> None:
    """Nothing is guessed."""
    reader: FrameReader[FromLane] = FrameReader(FromLane)
    with pytest.raises(ProtocolError, match="no known message"):
        reader.feed(len(body).to_bytes(4, "little") + body)


def test_a_frame_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the writer before it is sent, by the reader before it is collected."""
    monkeypatch.setattr(protocol, "MAX_FRAME_BYTES", 1000)
    with pytest.raises(ProtocolError, match="larger than a frame may be"):
        encode_frame(Turn(1, b"x" * 2000))
    reader: FrameReader[FromLane] = FrameReader(FromLane)
    with pytest.raises(ProtocolError, match="1001 bytes is announced"):
        reader.feed((1001).to_bytes(4, "little"))


def test_an_outcome_without_details_is_small() -> None:
    """The frame of a plain end has no names in it."""
    assert len(msgspec.msgpack.encode(Turn(1, b"", [], Outcome(OutcomeKind.OK)))) < 20


def test_a_long_message_is_looked_at_when_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many pieces it comes in: it is put together once, and the next one follows."""
    long, short = Deliver(1, b"[]", [b"x" * 1_000_000]), Forget("key")
    data = encode_frame(long) + encode_frame(short)
    reader: FrameReader[ToLane] = FrameReader(ToLane)
    looks: list[int] = []

    def look(tail: bytearray) -> bytes:
        looks.append(len(tail))
        return bytes(tail)

    monkeypatch.setattr(protocol, "bytes", look, raising=False)
    found: list[ToLane] = []
    for start in range(0, len(data), 1000):
        found += reader.feed(data[start : start + 1000])
    assert found == [long, short]
    assert len(looks) <= 2
