"""The messages of request-reply: what their headers are called, and how they are read and written (docs/nats.md).

Must not know connections, workers or HTTP sockets.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from runner.errors import NotResolvedError
from runner.events.fetch import Request, make_request
from runner.nats.client import pairs_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from nats.aio.msg import Msg

    from runner.nats.client import Pairs

METHOD: Final = "Fetch-Method"
URL: Final = "Fetch-Url"
WORKER: Final = "Fetch-Worker"
BODY: Final = "Fetch-Body"
WINDOW: Final = "Fetch-Window"
STATUS: Final = "Fetch-Status"
PART: Final = "Fetch-Part"
NUMBER: Final = "Fetch-Number"
CREDIT: Final = "Fetch-Credit"
ERROR: Final = "Fetch-Error"

STREAM: Final = "stream"
_OURS: Final = "fetch-"
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+:[\t -~\x80-\xff]*")
_REQUEST_ID: Final = re.compile(r"[!-~]{1,128}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SEEN: Final = frozenset({"content-length", "traceparent", "tracestate", "x-request-id"})
_OF_NATS: Final = "nats-"
_RESERVED: Final = (_OURS, _OF_NATS)
_SUBJECT_NAME: Final = re.compile(r"[!#-)+-\-/-=?-~]+")
"""What may stand between two dots of a subject: no dot, no wildcard, no space."""


class Kind(StrEnum):
    """What a message is of its exchange."""

    WAIT = "wait"
    WHOLE = "whole"
    HEAD = "head"
    CHUNK = "chunk"
    END = "end"
    ERROR = "error"
    CREDIT = "credit"
    CANCEL = "cancel"
    PING = "ping"
    PONG = "pong"
    GONE = "gone"


_KINDS: Final = {kind.value: kind for kind in Kind}


class Part(msgspec.Struct, frozen=True, gc=False):
    """One message of an exchange that has begun."""

    kind: Kind
    data: bytes
    headers: Pairs
    """Without those of the exchange itself."""
    status: int = 0
    number: int = -1
    """Which one of the messages that make up the body and its head or end; -1: of none."""
    credit: int | None = None
    """How many bytes of a body may have been sent in all."""
    error: str = ""


class Fetch(msgspec.Struct, frozen=True, gc=False):
    """A message that asks for something."""

    request: Request
    data: bytes
    streamed: bool = False
    """``data`` is only the beginning of the body."""
    window: int = 0
    """How many bytes of the answer's body may be under way; 0: the requester does not count them."""


def read_part(message: Msg) -> Part | None:
    """Return what a message says; None for one that is no part of an exchange."""
    kept: Pairs = []
    ours: dict[str, str] = {}
    for name, value in pairs_of(message):
        lower = name.lower()
        if lower.startswith(_OURS):
            ours.setdefault(lower, value)
        else:
            kept.append((lower, value))
    kind = _KINDS.get(ours.get("fetch-part", ""))
    if kind is None:
        return None
    return Part(
        kind,
        message.data,
        kept,
        status=_whole(ours.get("fetch-status")) or 0,
        number=-1 if (number := _whole(ours.get("fetch-number"))) is None else number,
        credit=_whole(ours.get("fetch-credit")),
        error=ours.get("fetch-error", ""),
    )


def read_fetch(message: Msg, new_id: Callable[[], str]) -> Fetch:
    """Return the request in a message.

    Raises
    ------
    NotResolvedError
        It is none that can be served.

    """
    kept: Pairs = []
    ours: dict[str, str] = {}
    seen: dict[str, str] = {}
    for name, value in pairs_of(message):
        lower = name.lower()
        if lower.startswith(_OURS):
            ours.setdefault(lower, value)
            continue
        if lower.startswith(_OF_NATS):
            continue
        if not _HEADER.fullmatch(f"{lower}:{value}"):
            raise NotResolvedError(400, f"the header {name[:64]!r} can not be passed on")
        if lower in _SEEN:
            seen[lower] = f"{seen[lower]}, {value}" if lower in seen else value
        kept.append((lower, value))
    for name in (METHOD, URL):
        if not ours.get(name.lower()):
            raise NotResolvedError(400, f"the message has no {name} header")
    given, data = seen.get("x-request-id", ""), message.data
    streamed = ours.get("fetch-body") == STREAM
    size = _whole(seen.get("content-length")) if streamed else len(data) or None
    request = make_request(
        ours["fetch-method"],
        ours["fetch-url"],
        kept,
        request_id=given if _REQUEST_ID.fullmatch(given) else new_id(),
        body_size=size,
        trusted=True,
    )
    request.traceparent = seen.get("traceparent", "")
    request.tracestate = seen.get("tracestate", "")
    worker = message.subject.partition(".")[2] or ours.get("fetch-worker", "")
    if _UUID.fullmatch(worker):
        request.worker_id = worker
    else:
        request.worker_name = worker
    return Fetch(request, data, streamed, _whole(ours.get("fetch-window")) or 0)


def fetch_headers(
    request: Request, subject: str, worker: str, *, window: int, streamed: bool
) -> Pairs:
    """Return the headers of a message that asks for what ``request`` says."""
    pairs = [(METHOD, request.method), (URL, request.url), (WINDOW, f"{window}")]
    if worker and not subject.partition(".")[2]:
        pairs.append((WORKER, worker))
    if streamed:
        pairs.append((BODY, STREAM))
    return pairs + passed_on(request.headers)


def passed_on(headers: Pairs) -> Pairs:
    """Return headers (lower-case names) without those that only the two ends of an exchange may set."""
    return [header for header in headers if not header[0].startswith(_RESERVED)]


def fetch_subject(worker: str) -> str:
    """Return the subject to ask on for a worker of this id or name."""
    return f"fetch.{worker}" if _SUBJECT_NAME.fullmatch(worker) else "fetch"


def size_of(pairs: Pairs) -> int:
    """Return how many bytes of a message headers take, at most."""
    return 16 + sum(2 * (len(name) + len(value)) + 4 for name, value in pairs)


def _whole(text: str | None) -> int | None:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 18:
        return None
    return int(text)
