"""One request of a chain that redirects make, wherever it goes: what it consists of, and how the next one follows from it.

As the Fetch standard says (https://fetch.spec.whatwg.org/, HTTP-redirect fetch). Must not know where requests go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec

from runner.ops.decoding import encoding_of
from runner.ops.failures import failure
from runner.ops.locations import locate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_SEE_OTHER: Final = 303
_REDIRECTS: Final = frozenset({301, 302, _SEE_OTHER, 307, 308})
_MAX_REDIRECTS: Final = 20
_NO_BODY: Final = frozenset({101, 103, 204, 205, 304})
_NOT_PASSED: Final = frozenset(
    {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}
)
_OF_BODY: Final = frozenset(
    {"content-encoding", "content-language", "content-location", "content-type", "content-length"}
)
_OF_ORIGIN: Final = frozenset({"authorization", "cookie", "proxy-authorization"})

RedirectMode = Literal["follow", "manual", "error"]


class FetchArgs(msgspec.Struct, frozen=True):
    """Arguments as the boundary has them."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    redirect: RedirectMode = "follow"
    body: Literal["text", "bytes", "stream"] | None = None
    text: str = ""


class Hop(msgspec.Struct):
    """What the next request is made of; redirects change it."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    content: bytes | None
    streams: bool = False
    """The body is what JavaScript sends under the op's id."""
    worker: str = ""
    """The id of the one it is for, whatever the URL says."""
    redirects: int = 0

    def follow(self, status: int, locations: Collection[str], mode: RedirectMode) -> bool:
        """Become the request that a redirect asks for; false when the response is an answer.

        Raises
        ------
        OpError
            The next request is not wanted, or not possible.

        """
        if status not in _REDIRECTS or mode == "manual":
            return False
        if mode == "error":
            raise failure("the response is a redirect, and those are errors here")
        if not locations:
            return False
        if len(set(locations)) > 1:
            raise failure("redirected to several places at once")
        self.redirects += 1
        if self.redirects > _MAX_REDIRECTS:
            raise failure(f"more than {_MAX_REDIRECTS} redirects")
        if self.streams and status != _SEE_OTHER:
            raise failure("a streamed body can not be sent again to where it was redirected")
        (location,) = set(locations)
        self._move(location)
        if (status in {301, 302} and self.method == "POST") or (
            status == _SEE_OTHER and self.method not in {"GET", "HEAD"}
        ):
            self.method, self.content, self.streams = "GET", None, False
            self._drop(_OF_BODY)
        return True

    def _move(self, location: str) -> None:
        try:
            url = locate(self.url, location)
        except ValueError as error:
            why = str(error) if str(error).startswith(("which", "a URL")) else "which is no URL"
            raise failure(f"redirected to {location[:200]!r}, {why}") from None
        before, self.url = self.url, url
        if _origin(before) != _origin(url):
            self._drop(_OF_ORIGIN)
            # A binding leads to a worker, not on to wherever that points.
            self.worker = ""

    def _drop(self, names: frozenset[str]) -> None:
        self.headers = [header for header in self.headers if header[0].lower() not in names]

    def answer(
        self, status: int, status_text: str, headers: Iterable[tuple[str, str]]
    ) -> tuple[dict[str, Any], str]:
        """Return the op's answer, as if there were no body, and the encoding that is to be undone of the body; empty for none.

        ``headers`` have lower-case names.
        """
        headers = list(headers)
        values = [value for name, value in headers if name == "content-encoding"]
        encoding = encoding_of(values) if values and self.has_body(status) else ""
        dropped = _NOT_PASSED | {"content-encoding", "content-length"} if encoding else _NOT_PASSED
        answer = {
            "status": status,
            "statusText": status_text,
            "headers": [header for header in headers if header[0] not in dropped],
            "url": self.url.partition("#")[0],
            "redirected": self.redirects > 0,
            "body": None,
        }
        return answer, encoding

    def has_body(self, status: int) -> bool:
        """Whether a response of this status has one."""
        return self.method != "HEAD" and status not in _NO_BODY


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Return what has to be equal; ValueError when it is no URL."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port
