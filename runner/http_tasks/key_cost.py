"""How much work it is to open a key or a container with its password: its maker chooses that, and may choose years.

PBKDF2, scrypt, the containers of PKCS #12 and their MACs say it in the clear: ``SEQUENCE { salt OCTET STRING, iterations INTEGER, ... }``. All
such places are found, whatever they are in; what can not be read is passed over. Must not know what keys are.
"""

from __future__ import annotations

import binascii
import re
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_INTEGER: Final = 0x02
_OCTETS: Final = frozenset({0x04, 0x24})
_CONSTRUCTED: Final = 0x20
_LONG_TAG: Final = 0x1F
_INDEFINITE: Final = 0x80
_DEEPEST: Final = 24
_SCRYPT: Final = 3
"""N, r and p: the work is their product."""
_BLOCK: Final = re.compile(rb"-----BEGIN [^-]{1,64}-----(.*?)-----END", re.DOTALL)
_OF_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/=]")


class _Value(NamedTuple):
    tag: int
    content: bytes


def password_cost(content: bytes) -> int:
    """Return the sum of all iterations that PEM or DER asks for."""
    blocks = _BLOCK.findall(content)
    return sum(_cost(_unpacked(block), 0) for block in blocks) if blocks else _cost(content, 0)


def _unpacked(block: bytes) -> bytes:
    # Headers, as old keys have them, end at an empty line.
    text = block.replace(b"\r", b"").rpartition(b"\n\n")[2]
    try:
        return binascii.a2b_base64(_OF_BASE64.sub(b"", text))
    except binascii.Error:
        return b""


def _cost(content: bytes, depth: int) -> int:
    values = list(_values(content))
    cost = 0
    for place, value in enumerate(values):
        if value.tag in _OCTETS:
            numbers = _numbers(values, place + 1)
            if len(numbers) >= _SCRYPT:
                cost += numbers[0] * numbers[1] * numbers[2]
            elif numbers:
                cost += numbers[0]
        if depth < _DEEPEST and (value.tag & _CONSTRUCTED or value.tag in _OCTETS):
            cost += _cost(value.content, depth + 1)
    return cost


def _numbers(values: list[_Value], place: int) -> list[int]:
    """Return the first few numbers from a place on."""
    following = takewhile(
        lambda value: value.tag == _INTEGER, islice(values, place, place + _SCRYPT)
    )
    return [abs(int.from_bytes(value.content, signed=True)) for value in following]


def _values(content: bytes) -> Iterator[_Value]:
    """Give the values of a content as long as they can be read; one without a length goes on to the end."""
    place = 0
    while place + 2 <= len(content):
        tag, length = content[place], content[place + 1]
        place += 2
        if tag & _LONG_TAG == _LONG_TAG:
            return
        if length == _INDEFINITE:
            length = len(content) - place
        elif length & _INDEFINITE:
            size = length & ~_INDEFINITE
            length = int.from_bytes(content[place : place + size])
            place += size
        yield _Value(tag, content[place : place + length])
        place += length
