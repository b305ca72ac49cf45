"""Records of the boundary as types: what a host sends is checked here before anything acts on it.

See ``docs/boundary.md``. Must not know sockets, executions or ops.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from runner.errors import ViolationError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of all records: a JSON array, tagged."""


class Body(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A response's body: exactly one of these is set, ``None`` in its place is no body at all."""

    text: str | None = None
    bytes: int | None = None
    stream: bool = False
    forward: int | None = None


class Thrown(msgspec.Struct, frozen=True, gc=False):
    """A JavaScript error. Texts of the tenant's."""

    name: str = "Error"
    message: str = ""
    stack: str = ""


class Head(Record, frozen=True, tag="head"):
    status: int
    status_text: str
    headers: list[tuple[str, str]]
    body: Body | None = None


class Op(Record, frozen=True, tag="op"):
    id: int
    name: str
    args: msgspec.Raw
    attachment: int | None = None


class Abort(Record, frozen=True, tag="abort"):
    id: int


class Chunk(Record, frozen=True, tag="chunk"):
    id: int
    attachment: int


class End(Record, frozen=True, tag="end"):
    id: int


class Fail(Record, frozen=True, tag="fail"):
    id: int
    message: str = ""


class Credit(Record, frozen=True, tag="credit"):
    id: int
    bytes: int


class Cancel(Record, frozen=True, tag="cancel"):
    id: int


class Log(Record, frozen=True, tag="log"):
    level: str
    text: str


class Result(Record, frozen=True, tag="result"):
    json: str
    data_text: str | None = None


class TaskSettings(Record, frozen=True, tag="settings"):
    """What the handler of a task says about itself; sent before it is called."""

    settings: msgspec.Raw


class Error(Record, frozen=True, tag="error"):
    error: Thrown
    kind: Literal["op_limit"] | None = None
    """What the outcome is going to be, if not exception."""


AnyRecord = (
    Head | Op | Abort | Chunk | End | Fail | Credit | Cancel | Log | Result | TaskSettings | Error
)

_decoder: Final = msgspec.json.Decoder(list[AnyRecord])

# A JSON escape: a backslash, a pair of surrogates, or one alone. JSON allows the last, UTF-8 text does not.
_SURROGATES: Final = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def decode_records(records: bytes) -> list[AnyRecord]:
    """Return the records of one turn.

    Lone surrogates, which a tenant's text may have, become U+FFFD.

    Raises
    ------
    ViolationError
        They are no records.

    """
    try:
        return _decoder.decode(records)
    except msgspec.DecodeError:
        mended = mend_surrogates(records)
    try:
        return _decoder.decode(mended)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ViolationError(f"records that are none: {error}") from error


def mend_surrogates(text: bytes) -> bytes:
    """Return JSON text with U+FFFD for the escapes of lone surrogates."""
    return _SURROGATES.sub(lambda match: rb"\ufffd" if match[1] else match[0], text)


def attachment_of(attachments: Sequence[bytes], index: int | None) -> bytes:
    """Return the attachment a record names; nothing named is empty.

    Raises
    ------
    ViolationError
        The turn has no such attachment.

    """
    if index is None:
        return b""
    if not 0 <= index < len(attachments):
        raise ViolationError(f"attachment {index} of {len(attachments)}")
    return attachments[index]
