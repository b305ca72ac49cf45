"""Questions to name servers, and answers of those that lie, or are broken."""

from __future__ import annotations

import random
import struct

import pytest

from runner.http_tasks.dns_messages import Question, ask, read_reply

ONE = b"\x03one\x07example\x00"


def answer(
    question: Question, *records: bytes, flags: int = 0x8180, number: int | None = None
) -> bytes:
    head = struct.pack(
        "!6H", question.number if number is None else number, flags, 1, len(records), 0, 0
    )
    return head + question.message[12:] + b"".join(records)


def record(name: bytes, kind: int, value: bytes) -> bytes:
    return name + struct.pack("!HHIH", kind, 1, 60, len(value)) + value


def test_a_question_is_the_standards() -> None:
    """RFC 1035, 4.1: one question, with recursion desired."""
    question = ask("One.Example.", version=4, number=0x1234)
    assert question.message == b"\x12\x34\x01\x00\0\1\0\0\0\0\0\0" + ONE + b"\0\1\0\1"
    assert ask("one.example", version=6).message.endswith(b"\0\x1c\0\1")


@pytest.mark.parametrize("host", ["", "a..b", "x" * 64, ".".join(["abcdefg"] * 40), "grün.example"])
def test_what_is_no_name_is_not_asked_for(host: str) -> None:
    with pytest.raises(ValueError, match=r"name|ascii"):
        ask(host, version=4)


def test_addresses_come_from_the_name_and_those_it_stands_for() -> None:
    """Not from others that are in the answer as well."""
    question = ask("one.example", version=4)
    message = answer(
        question,
        record(b"\xc0\x0c", 5, b"\x03two\xc0\x10"),
        record(b"\x03two\xc0\x10", 1, bytes([192, 0, 2, 1])),
        record(b"\x04evil\xc0\x10", 1, bytes([192, 0, 2, 2])),
        record(b"\xc0\x0c", 28, bytes(16)),
    )
    assert read_reply(question, message) == (["192.0.2.1"], False)


def test_a_name_that_is_not_there_has_no_address() -> None:
    question = ask("one.example", version=4)
    assert read_reply(question, answer(question, flags=0x8183)) == ([], False)
    assert read_reply(question, answer(question, flags=0x8380)) == ([], True)


def test_an_answer_to_something_else_is_none() -> None:
    """Another number, another name, another kind, a question."""
    question = ask("one.example", version=4, number=7)
    other = ask("two.example", version=4, number=7)
    for message in (
        answer(question, number=8),
        answer(other),
        answer(ask("one.example", version=6, number=7)),
        answer(question, flags=0x0100),
    ):
        with pytest.raises(ValueError, match="something else"):
            read_reply(question, message)


@pytest.mark.parametrize("name", [b"\xc0\x21", b"\xc0\xff", b"\x3f" + b"a", b"\x41aa\x00"])
def test_broken_names_end_the_reading(name: bytes) -> None:
    """Pointers in circles or out of the message, labels that are longer than it."""
    question = ask("one.example", version=4)
    with pytest.raises(ValueError):
        read_reply(question, answer(question, record(name, 1, bytes(4))))


def test_noise_is_refused_or_read_but_never_anything_else() -> None:
    """Any bytes, and any change of one byte."""
    chance = random.Random(4)
    question = ask("one.example", version=4)
    sound = answer(question, record(b"\xc0\x0c", 1, bytes([192, 0, 2, 1])))
    for _ in range(3000):
        message = bytearray(sound)
        message[chance.randrange(len(message))] = chance.randrange(256)
        for noise in (bytes(message[: chance.randrange(len(message) + 1)]), bytes(message)):
            try:
                read_reply(question, noise)
            except ValueError:
                continue
