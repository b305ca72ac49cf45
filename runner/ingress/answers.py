"""What an HTTP client is told: the worker's response checked, or what became of its execution.

The table of outcomes is architecture.md's. Must not know sockets.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from pools.protocol import ErrorInfo, Outcome, OutcomeKind
from runner.records import Thrown

if TYPE_CHECKING:
    from runner.execution import Response

Headers = list[tuple[bytes, bytes]]

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BAD_VALUE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]")
_NOT_PASSED: Final = frozenset(
    {
        "connection",
        "date",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-request-id",
    }
)
_NO_BODY: Final = frozenset({204, 205, 304})


class Problem(msgspec.Struct, frozen=True):
    """An answer that the runner makes itself."""

    status: int
    message: str
    reason: str = ""
    """``x-termination-reason``."""
    retry_after_s: int = 0

    def render(self, request_id: str, *, as_json: bool) -> tuple[Headers, bytes]:
        """Return headers and body."""
        if as_json:
            error = {
                "status": self.status,
                "reason": self.reason or None,
                "message": self.message,
                "requestId": request_id,
            }
            kind, body = b"application/json", msgspec.json.encode({"error": error}) + b"\n"
        else:
            kind, body = b"text/plain; charset=utf-8", f"{self.message}\n".encode()
        headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
        headers.append((b"x-request-id", request_id.encode()))
        if self.reason:
            headers.append((b"x-termination-reason", self.reason.encode()))
        if self.retry_after_s:
            headers.append((b"retry-after", b"%d" % self.retry_after_s))
        return headers, body


_OF_OUTCOME: Final[dict[OutcomeKind, Problem]] = {
    OutcomeKind.OK: Problem(500, "the worker gave no response"),
    OutcomeKind.EXCEPTION: Problem(500, "the worker failed", "Exception"),
    OutcomeKind.INIT_ERROR: Problem(500, "the worker can not be started", "InitializationError"),
    OutcomeKind.NO_HANDLER: Problem(501, "the worker has no fetch handler"),
    OutcomeKind.CPU_LIMIT: Problem(429, "the worker exceeded its CPU time limit", "CpuTimeLimit"),
    OutcomeKind.MEMORY_LIMIT: Problem(429, "the worker exceeded its memory limit", "MemoryLimit"),
    OutcomeKind.OP_LIMIT: Problem(429, "the worker made too many requests of its own", "OpLimit"),
    OutcomeKind.WALL_CLOCK: Problem(
        504, "the worker exceeded its wall-clock time limit", "WallClockTimeout"
    ),
    OutcomeKind.TERMINATED: Problem(503, "the worker was ended", "Terminated", 1),
    OutcomeKind.ABORTED: Problem(503, "the request was given up", "Aborted", 1),
    OutcomeKind.BUSY: Problem(503, "too many requests at once", "Overloaded", 1),
    OutcomeKind.HOST_LOST: Problem(502, "the worker's process was lost", "HostLost"),
}
_TOLD: Final = frozenset({OutcomeKind.EXCEPTION, OutcomeKind.INIT_ERROR, OutcomeKind.OP_LIMIT})
"""Outcomes whose error is the tenant's own."""


def describe(error: Thrown | ErrorInfo) -> str:
    """Return name and message of a tenant's error, and its place in the source if it has one; no stack."""
    text = f"{error.name}: {error.message}" if error.message else error.name
    if isinstance(error, ErrorInfo) and error.file:
        text += f" ({error.file}:{error.line}:{error.column})" if error.line else f" ({error.file})"
    return text


def problem_of(answer: Thrown | Outcome, *, expose_errors: bool) -> Problem:
    """Return what a client is told when there is no response."""
    error: Thrown | ErrorInfo | None
    if isinstance(answer, Thrown):
        kind, error = OutcomeKind.EXCEPTION, answer
    else:
        kind, error = answer.kind, answer.error
    problem = _OF_OUTCOME[kind]
    if expose_errors and error is not None and kind in _TOLD:
        return msgspec.structs.replace(problem, message=describe(error))
    return problem


def check_response(
    response: Response, *, request_id: str, head: bool
) -> tuple[Headers, bool] | Problem:
    """Return the headers to send, and whether a body follows; or why the response can not be sent.

    Of a complete body the length is known here, whatever the worker says. Of a stream the worker's length is passed on: the server
    cuts the connection when it turns out wrong.
    """
    status = response.status
    if not 200 <= status <= 599:
        return _invalid(f"status {status}")
    body = response.body
    length: str | None = None
    headers: Headers = []
    for name, value in response.headers:
        lower = name.lower()
        if lower in _NOT_PASSED or lower.startswith(("x-worker-", "x-isolane-")):
            continue
        if not _NAME.fullmatch(name):
            return _invalid(f"the header name {name[:64]!r}")
        if _BAD_VALUE.search(value):
            return _invalid(f"the value of the header {name[:64]!r}")
        if lower == "content-length":
            length = value
            continue
        headers.append((lower.encode(), value.encode("latin-1")))
    headers.append((b"x-request-id", request_id.encode()))
    if status in _NO_BODY:
        return headers, False
    if isinstance(body, bytes):
        length = f"{len(body)}"
    elif body is None and not head:
        length = "0"
    if length is not None and length.isascii() and length.isdigit() and len(length) < 19:
        headers.append((b"content-length", length.encode()))
    return headers, body is not None and not head


def _invalid(what: str) -> Problem:
    return Problem(
        500, f"the worker's response can not be sent: {what} is not allowed in HTTP", "Exception"
    )
