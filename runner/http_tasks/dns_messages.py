"""Questions to a name server, and what it answers: as much of RFC 1035 as addresses take.

Must not know sockets, nor whom is asked.
"""

from __future__ import annotations

import ipaddress
import secrets
import struct
from typing import Final, NamedTuple

_A: Final = 1
_AAAA: Final = 28
_CNAME: Final = 5
_IN: Final = 1
_HEAD: Final = struct.Struct("!6H")
_FIELDS: Final = struct.Struct("!HHIH")
_RECURSION_DESIRED: Final = 0x0100
_RESPONSE: Final = 0x8000
_TRUNCATED: Final = 0x0200
_RCODE: Final = 0x000F
_MAX_NAME: Final = 255
_MAX_LABEL: Final = 63
_POINTER: Final = 0xC0


class Question(NamedTuple):
    """What is asked: ``message`` is to be sent as it is."""

    number: int
    name: str
    kind: int
    message: bytes


class Reply(NamedTuple):
    """``truncated``: it has to be asked again over TCP. Without addresses there are none."""

    addresses: list[str]
    truncated: bool


def ask(host: str, *, version: int, number: int | None = None) -> Question:
    """Return the question for a host's addresses of IPv4 or IPv6.

    Raises
    ------
    ValueError
        It is no name that can be asked for.

    """
    name = host.rstrip(".").lower()
    labels = [label.encode("ascii") for label in name.split(".")]
    if len(name) >= _MAX_NAME or not all(0 < len(label) <= _MAX_LABEL for label in labels):
        raise ValueError(f"{host} is no name")
    number = secrets.randbelow(1 << 16) if number is None else number
    kind = _A if version == 4 else _AAAA
    head = _HEAD.pack(number, _RECURSION_DESIRED, 1, 0, 0, 0)
    asked = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    return Question(number, name, kind, head + asked + struct.pack("!HH", kind, _IN))


def read_reply(question: Question, message: bytes) -> Reply:
    """Return what a message says to a question.

    Raises
    ------
    ValueError
        It is no answer to this question, or broken.

    """
    try:
        return _read(question, message)
    except (struct.error, IndexError, UnicodeDecodeError):
        raise ValueError("the message is broken") from None


def _read(question: Question, message: bytes) -> Reply:
    number, flags, asked, answers, _, _ = _HEAD.unpack_from(message)
    if number != question.number or not flags & _RESPONSE or asked != 1:
        raise ValueError("it answers something else")
    name, place = _name(message, _HEAD.size)
    kind, _ = struct.unpack_from("!HH", message, place)
    if (name, kind) != (question.name, question.kind):
        raise ValueError("it answers something else")
    if flags & _TRUNCATED:
        return Reply([], truncated=True)
    if flags & _RCODE:
        return Reply([], truncated=False)
    place += 4
    meant = {question.name}
    found: list[str] = []
    for _ in range(answers):
        name, place = _name(message, place)
        kind, _, _, length = _FIELDS.unpack_from(message, place)
        place += _FIELDS.size
        value = message[place : place + length]
        if kind == _CNAME and name in meant:
            meant.add(_name(message, place)[0])
        elif kind == question.kind and name in meant:
            if length != (4 if kind == _A else 16) or len(value) != length:
                raise ValueError("an address has no such length")
            found.append(str(ipaddress.ip_address(value)))
        place += length
    return Reply(found, truncated=False)


def _name(message: bytes, place: int) -> tuple[str, int]:
    """Return a name, and where it ends; pointers lead backwards only, so that none is followed for ever."""
    labels: list[str] = []
    end = -1
    least = place
    while length := message[place]:
        if length & _POINTER == _POINTER:
            target = (length & ~_POINTER) << 8 | message[place + 1]
            end = place + 2 if end < 0 else end
            if target >= least:
                raise ValueError("a name leads in a circle")
            least = place = target
            continue
        label = message[place + 1 : place + 1 + length]
        if length > _MAX_LABEL or len(label) != length:
            raise ValueError("a name is broken")
        labels.append(label.decode("ascii").lower())
        place += 1 + length
    return ".".join(labels), (place + 1 if end < 0 else end)
