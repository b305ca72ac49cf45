"""What the tasks server answers when it refuses: a status, what the client is to do, and what was wrong, in the seed's words.

Must not know HTTP servers. A field's mistakes come as a tree: ``{"_errors": [...], "field": {"_errors": [...]}}``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from runner.errors import RunnerError

if TYPE_CHECKING:
    from collections.abc import Mapping

ErrorTree: TypeAlias = dict[str, object]
"""``_errors`` has the messages about the object itself; every other key is a field with a tree of its own."""

_FIX_IT: Final = "Do not retry without fixing the problem"
_NEVER: Final = "The request should not be repeated"
_ACTIONS: Final = {
    400: _FIX_IT,
    401: _NEVER,
    403: _NEVER,
    409: _FIX_IT,
    413: _FIX_IT,
    422: _FIX_IT,
    429: "Please wait until the server restore your connection",
    500: "Do not retry this request more than once",
    503: "Please wait until the server restore your connection",
}
_INDENT: Final = 4


class Refused(RunnerError):  # noqa: N818 - an answer, which is raised because it ends the request
    """A request that is answered with ``status``.

    ``message`` is text or a tree; None is an answer without either: ``{}`` for what is not there, and nothing where there is no such route
    or the body is too large.
    """

    def __init__(
        self,
        status: int,
        message: str | ErrorTree | None,
        *,
        empty: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.message = message
        self.headers = dict(headers or {})
        self._empty = empty
        super().__init__(f"{status}: {message}")

    def body(self, *, pretty: bool = False) -> bytes:
        """Return the JSON that the client gets."""
        if self._empty:
            return b""
        content: ErrorTree = {}
        if self.message is not None:
            content = {"action": _ACTIONS[self.status], "message": self.message}
        encoded = msgspec.json.encode(content)
        return msgspec.json.format(encoded, indent=_INDENT) if pretty else encoded


def invalid(
    message: str | ErrorTree = "A request includes an invalid credential or value",
) -> Refused:
    """Return the answer to a body, query or path that says something impossible; without words: to what is no JSON."""
    return Refused(400, message)


def not_authenticated() -> Refused:
    """Return the answer to a well-formed key that is not the owner's."""
    return Refused(401, "The request did not include valid authentication")


def not_accepted() -> Refused:
    """Return the answer to a missing or malformed header, and to an unknown owner."""
    return Refused(403, "The server did not accept valid authentication")


def not_found() -> Refused:
    """Return the answer for a task or owner that is not there, or not the asker's."""
    return Refused(404, None)


def no_route() -> Refused:
    return Refused(404, None, empty=True)


def conflict(message: str = "The request cannot be completed due to a conflict") -> Refused:
    return Refused(409, message)


def already_registered() -> Refused:
    return conflict("Owner has already registered")


def too_large() -> Refused:
    """Return the answer to a body of more than 32,768 bytes: nothing, as the original has it."""
    return Refused(413, None, empty=True)


def unmet(message: str = "The request did not meet one of it's preconditions") -> Refused:
    """Return the answer to what a task's or owner's state does not allow now."""
    return Refused(422, message)


def full() -> Refused:
    """Return the answer to an owner who has as many live tasks as one may have."""
    return unmet("Tasks in queue has reached it's limit")


def too_many(headers: Mapping[str, str] | None = None) -> Refused:
    """Return the answer beyond the rate limit, with its ``RateLimit`` headers."""
    return Refused(429, "Too many requests in a given amount of time", headers=headers)


def failed() -> Refused:
    """Return the answer when something broke on our side, which is told to the operator alone."""
    return Refused(500, "Internal server error")


def no_key() -> Refused:
    """Return the answer to what would have to be sealed, while ``SECRETS_KEY`` is not set."""
    return unavailable("The server has no key to seal tasks with")


def unavailable(message: str) -> Refused:
    """Return the answer while something is away that the server stands on."""
    return Refused(503, message, headers={"retry-after": "1"})
