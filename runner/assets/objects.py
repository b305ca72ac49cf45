"""Files that are objects of a bucket, sent as a request wants them: the store knows of ranges and conditions itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httpx

from runner.assets.answer import FRESH, INLINE_BYTES
from runner.assets.content_types import UNKNOWN
from runner.s3.failures import unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from runner.assets.answer import Answer, Headers
    from runner.assets.content_types import ContentTypes
    from runner.assets.paths import Candidate
    from runner.s3.bucket import Bucket

_CONDITIONS: Final = ("if-modified-since", "if-none-match", "if-range", "range")
_SAYS_NOTHING: Final = frozenset({"", UNKNOWN, "binary/octet-stream"})
_PASSED: Final = frozenset(
    {
        "accept-ranges",
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-range",
        "etag",
        "expires",
        "last-modified",
    }
)


async def send_from_bucket(
    answer: Answer,
    bucket: Bucket,
    names: Sequence[Candidate],
    headers: Mapping[str, str],
    slashed: str,
    types: ContentTypes,
) -> None:
    """Answer with the first of the files that is there; ``slashed`` is where the index of a folder is.

    Raises
    ------
    OpError
        The store can not be reached, or refuses.

    """
    conditions = [
        (name, value)
        for name in _CONDITIONS
        if (value := headers.get(name)) is not None and value.isascii() and value.isprintable()
    ]
    for candidate in names:
        method = "GET" if answer.wants_body and not candidate.redirects else "HEAD"
        given = [] if candidate.redirects else conditions
        async with bucket.get(candidate.name, given, method) as response:
            if response.status_code == 404:
                continue
            if candidate.redirects:
                answer.send(307, [("location", slashed)])
            else:
                await _pass_on(answer, response, _type(candidate.name, response, types))
            return
    answer.refuse(404)


async def _pass_on(answer: Answer, response: httpx.Response, kind: str) -> None:
    status, stored = response.status_code, response.headers
    if status == 416:
        answer.refuse(416, *[pair for pair in _chosen(stored) if pair[0] == "content-range"])
        return
    headers = _chosen(stored)
    if "cache-control" not in stored:
        headers.append(FRESH)
    if status == 304:
        answer.send(304, headers)
        return
    headers.append(("content-type", kind))
    chunks = _received(response)
    if not answer.wants_body:
        answer.send(status, headers)
    elif int(stored.get("content-length", INLINE_BYTES + 1)) <= INLINE_BYTES:
        answer.send(status, headers, b"".join([chunk async for chunk in chunks]))
    else:
        await answer.stream(status, headers, chunks)


def _type(name: str, response: httpx.Response, types: ContentTypes) -> str:
    """Return what an object was stored as, or what its name says when that says nothing."""
    kind: str = response.headers.get("content-type", "")
    return types.of(name) if kind in _SAYS_NOTHING else kind


def _chosen(stored: httpx.Headers) -> Headers:
    return [(name, value) for name, value in stored.multi_items() if name in _PASSED]


async def _received(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.aiter_raw():
            yield chunk
    except httpx.TransportError as error:
        raise unreachable(error) from None
