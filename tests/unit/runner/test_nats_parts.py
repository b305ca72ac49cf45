"""Messages of request-reply, and bodies in parts: what is read, what is refused, what is never exceeded."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.msg import Msg

from runner.errors import NotResolvedError, StreamError
from runner.events.fetch import make_request
from runner.nats.bodies import BodyReceiver, BodySender
from runner.nats.client import Client, Headers, Pairs
from runner.nats.parts import (
    Kind,
    Part,
    fetch_headers,
    fetch_subject,
    read_fetch,
    read_part,
    size_of,
)


def message(headers: Pairs, data: bytes = b"", subject: str = "fetch.hello") -> Msg:
    return Msg(Client(), subject=subject, data=data, headers=Headers(headers))


class Wire:
    """What was published."""

    def __init__(self) -> None:
        self.sent: list[tuple[dict[str, str], bytes]] = []

    async def publish(self, headers: Pairs, data: bytes) -> None:
        self.sent.append((dict(headers), data))


def chunk(number: int, data: bytes = b"x") -> Part:
    return Part(Kind.CHUNK, data, [], number=number)


@pytest.mark.parametrize(
    ("worker", "subject"),
    [
        ("hello", "fetch.hello"),
        ("0f6c7a52-0000-4000-8000-000000000001", "fetch.0f6c7a52-0000-4000-8000-000000000001"),
        ("", "fetch"),
        ("a.b", "fetch"),
        ("*", "fetch"),
        (">", "fetch"),
        ("a b", "fetch"),
        ("a\r\nPUB x", "fetch"),
        ("ü", "fetch"),
    ],
)
def test_a_worker_is_one_word_of_a_subject_or_stands_in_a_header(worker: str, subject: str) -> None:
    assert fetch_subject(worker) == subject
    request = make_request("GET", "http://h/", [], request_id="r")
    headers = dict(fetch_headers(request, subject, worker, window=1, streamed=False))
    assert headers.get("Fetch-Worker", "") == (worker if subject == "fetch" else "")


def test_what_a_gateway_writes_a_runner_reads() -> None:
    sent = [("accept", "application/json"), ("x-a", "1"), ("x-a", "ü")]
    request = make_request("PUT", "https://h:1/a%20b?c=d", sent, request_id="r1", body_size=3)
    headers = fetch_headers(request, "fetch", "a.b", window=7, streamed=True)
    fetch = read_fetch(message(headers, b"x", "fetch"), lambda: "new")
    assert fetch.request.url == request.url
    assert fetch.request.method == "PUT"
    assert sorted(fetch.request.headers) == sorted(request.headers)
    assert fetch.request.id == "r1"
    assert fetch.request.worker_name == "a.b"
    assert fetch.request.wants_json
    assert fetch.request.content_length == 3
    assert (fetch.streamed, fetch.window, fetch.data) == (True, 7, b"x")


@given(
    st.lists(
        st.tuples(
            st.one_of(
                st.text(max_size=20), st.sampled_from(["Fetch-Method", "Fetch-Url", "Fetch-Part"])
            ),
            st.one_of(st.text(max_size=30), st.sampled_from(["GET", "http://h/", "head"])),
        ),
        max_size=6,
    ),
    st.binary(max_size=10),
)
def test_no_message_does_more_than_be_refused(headers: Pairs, data: bytes) -> None:
    read_part(message(headers, data))
    try:
        fetch = read_fetch(message(headers, data), lambda: "new")
    except NotResolvedError as error:
        assert error.status in {400, 405}  # noqa: PT017 - one of many outcomes
    else:
        for name, value in fetch.request.headers:
            assert not name.startswith(("fetch-", "x-worker-", "x-isolane-"))
            value.encode("latin-1")


@pytest.mark.parametrize("number", ["-1", "1_000", "٣", "1" * 19, "x", ""])
def test_numbers_that_are_none_count_as_not_there(number: str) -> None:
    part = read_part(message([("Fetch-Part", "credit"), ("Fetch-Credit", number)]))
    assert part is not None
    assert part.credit is None


def test_the_size_of_headers_is_never_underestimated() -> None:
    pairs = [("set-cookie", "ü" * 100), ("a", "b")]
    block = "".join(f"{name}: {value}\r\n" for name, value in pairs)
    assert size_of(pairs) >= len(f"NATS/1.0\r\n{block}\r\n".encode())


async def test_a_sender_sends_what_is_allowed_and_waits_for_the_rest() -> None:
    wire = Wire()
    sender = BodySender(wire.publish, 1 << 20, 10)
    sending = asyncio.create_task(sender.send(bytes(25)))
    await asyncio.sleep(0)
    assert [len(data) for _, data in wire.sent] == [10]
    sender.allow(5)
    sender.allow(20)
    await asyncio.sleep(0)
    assert [len(data) for _, data in wire.sent] == [10, 10]
    sender.allow(100)
    await sending
    await sender.end()
    assert [headers["Fetch-Number"] for headers, _ in wire.sent] == ["1", "2", "3", "4"]
    assert [headers["Fetch-Part"] for headers, _ in wire.sent] == ["chunk"] * 3 + ["end"]


async def test_a_sender_that_is_stopped_sends_no_more() -> None:
    wire = Wire()
    sender = BodySender(wire.publish, 1 << 20, 0)
    sending = asyncio.create_task(sender.send(b"x"))
    await asyncio.sleep(0)
    sender.stop()
    await sending
    await sender.end()
    assert wire.sent == []


async def test_no_part_is_larger_than_a_message_may_be() -> None:
    wire = Wire()
    await BodySender(wire.publish, 1024, None).send(bytes(5000))
    assert max(len(data) for _, data in wire.sent) <= 1024 - 256
    assert sum(len(data) for _, data in wire.sent) == 5000


async def test_a_receiver_allows_more_as_its_reader_takes() -> None:
    wire = Wire()
    receiver = BodyReceiver(wire.publish, 0, window=10)
    receiver.take(chunk(1, b"12345"))
    assert await receiver.read() == b"12345"
    assert wire.sent == []
    receiver.take(chunk(2, b"6"))
    assert await receiver.read() == b"6"
    assert [headers["Fetch-Credit"] for headers, _ in wire.sent] == ["15"]


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([chunk(2)], "lost"),
        ([chunk(1), chunk(1)], "lost"),
        ([chunk(1, bytes(11))], "faster"),
        ([Part(Kind.ERROR, b"the body failed", [], number=1)], "the body failed"),
        ([chunk(1), Part(Kind.END, b"", [], number=3)], "lost"),
    ],
)
async def test_a_body_that_is_not_all_there_never_looks_whole(
    parts: list[Part], reason: str
) -> None:
    receiver = BodyReceiver(Wire().publish, 0, window=10)
    for part in parts:
        receiver.take(part)
    with pytest.raises(StreamError, match=reason):
        while await receiver.read() is not None:
            pass
