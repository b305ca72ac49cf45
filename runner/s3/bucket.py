"""A bucket, or what begins with a prefix in it: one method per request of S3's.

It goes over the transport that judges addresses, as ``fetch`` does; redirects are not followed, since a signature belongs
to one host. Errors are the tenant's to read: they hold S3's code, never its words, a URL or a credential. Must not know
ops or executions.
"""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import httpx

from runner.errors import OpError
from runner.ops.connections import CONNECT_S
from runner.s3.answers import Listing, error_code, listing, upload_id
from runner.s3.failures import IDLE_S, MAX_ERROR_BYTES, failure, read_whole, refused, unreachable
from runner.s3.keys import KeySpace
from runner.s3.place import place_of
from runner.s3.signature import UNSIGNED, Credentials, quote_path, quote_query, sign

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence

    from runner.bindings import StorageBinding

Headers = list[tuple[str, str]]

MAX_LISTED: Final = 1000
# The connect timeout is for the TLS handshake: what comes before has its own.
_TIMEOUTS: Final = {"connect": CONNECT_S, "read": IDLE_S, "write": IDLE_S, "pool": None}
_MAX_LIST_BYTES: Final = 4 << 20
_ETAG: Final = re.compile(r'[!#-~"]{1,256}')


class _Sized(httpx.AsyncByteStream):
    """A body of which the length was told, and is kept: what follows it on a connection would be another request."""

    def __init__(self, chunks: AsyncIterable[bytes], size: int) -> None:
        self._chunks = chunks
        self._size = size

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._size
        async for chunk in self._chunks:
            left -= len(chunk)
            if left < 0:
                break
            yield chunk
        if left != 0:
            raise OpError("TypeError", "the body has another length than it was said to have")


class Bucket:
    """Where a storage binding leads.

    Raises
    ------
    OpError
        The binding's settings name no place.

    """

    def __init__(
        self, transport: httpx.AsyncBaseTransport, binding: StorageBinding, session_token: str = ""
    ) -> None:
        self._transport = transport
        self._place = place_of(binding)
        # R2's name for "wherever it is" does for most others, too.
        region = binding.region or ("auto" if binding.endpoint else "us-east-1")
        self._credentials = Credentials(
            binding.access_key_id, binding.secret_access_key, region, session_token
        )
        self.space = KeySpace(binding.prefix)

    @asynccontextmanager
    async def get(
        self, key: str, headers: Sequence[tuple[str, str]] = (), method: str = "GET"
    ) -> AsyncIterator[httpx.Response]:
        """Ask for an object, or with ``HEAD`` for what is known of it: statuses 200, 206, 304, 404, 412 and 416.

        ``headers`` may have a range and conditions, with lower-case names. The body is to be read inside.
        """
        name = self.space.full(key)
        response = await self._request(method, name, headers=[*headers, *_IDENTITY])
        try:
            if response.status_code not in _OBJECT_STATUSES:
                raise await refused(response)
            yield response
        finally:
            await response.aclose()

    async def put(
        self, key: str, content: bytes | AsyncIterable[bytes], size: int, headers: Headers
    ) -> str:
        """Write an object in one request; return its ETag."""
        name = self.space.full(key)
        return await self._put(name, {}, content, size, headers)

    async def delete(self, key: str) -> None:
        """Delete an object; it may be gone already."""
        await self._whole("DELETE", self.space.full(key), ok=(200, 204, 404))

    async def list(
        self, prefix: str, *, limit: int, cursor: str = "", delimiter: str = ""
    ) -> Listing:
        """Return at most ``limit`` keys, and prefixes, from where ``cursor`` left off."""
        query = {
            "encoding-type": "url",
            "list-type": "2",
            "max-keys": str(min(limit, MAX_LISTED)),
            "prefix": self.space.full_prefix(prefix),
        }
        if cursor:
            query["continuation-token"] = cursor
        if delimiter:
            query["delimiter"] = delimiter
        body, _ = await self._whole("GET", "", query, most=_MAX_LIST_BYTES)
        return listing(body, self.space)

    # --- uploads in parts -----------------------------------------------------------------------------------------

    async def begin_upload(self, key: str, headers: Headers) -> str:
        body, _ = await self._whole("POST", self.space.full(key), {"uploads": ""}, headers=headers)
        return upload_id(body)

    async def put_part(self, key: str, upload: str, number: int, content: bytes) -> str:
        query = {"partNumber": str(number), "uploadId": upload}
        return await self._put(self.space.full(key), query, content, len(content), [])

    async def complete_upload(self, key: str, upload: str, etags: Sequence[str]) -> None:
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{_escape(etag)}</ETag></Part>"
            for number, etag in enumerate(etags, 1)
        )
        content = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        name = self.space.full(key)
        body, _ = await self._whole("POST", name, {"uploadId": upload}, content)
        # The answer begins before the work is done: an error may come with status 200.
        if code := error_code(body):
            raise failure(200, code)

    async def abort_upload(self, key: str, upload: str) -> None:
        name = self.space.full(key)
        await self._whole("DELETE", name, {"uploadId": upload}, ok=(200, 204, 404))

    # --- requests -------------------------------------------------------------------------------------------------

    async def _put(
        self,
        name: str,
        query: Mapping[str, str],
        content: bytes | AsyncIterable[bytes],
        size: int,
        headers: Headers,
    ) -> str:
        _, response = await self._whole("PUT", name, query, content, size=size, headers=headers)
        etag = response.headers.get("etag", "")
        return etag if _ETAG.fullmatch(etag) else ""

    async def _whole(
        self,
        method: str,
        name: str,
        query: Mapping[str, str] | None = None,
        content: bytes | AsyncIterable[bytes] | None = None,
        *,
        size: int = -1,
        headers: Headers | None = None,
        ok: Sequence[int] = (200,),
        most: int = MAX_ERROR_BYTES,
    ) -> tuple[bytes, httpx.Response]:
        response = await self._request(method, name, query, content, size, headers or [])
        try:
            if response.status_code not in ok:
                raise await refused(response)
            return await read_whole(response, most), response
        finally:
            await response.aclose()

    async def _request(
        self,
        method: str,
        name: str,
        query: Mapping[str, str] | None = None,
        content: bytes | AsyncIterable[bytes] | None = None,
        size: int = -1,
        headers: Sequence[tuple[str, str]] = (),
    ) -> httpx.Response:
        place = self._place
        path = place.path + quote_path(name)
        text = quote_query(query or {})
        whole = content if isinstance(content, bytes) else b"" if content is None else None
        signed = sign(
            method,
            path or "/",
            text,
            [("host", place.host), *headers],
            payload=UNSIGNED if whole is None else whole,
            credentials=self._credentials,
            now=datetime.now(UTC),
        )
        if method in {"PUT", "POST"}:
            signed.append(("content-length", str(size if whole is None else len(whole))))
        target = (path or "/") + (f"?{text}" if text else "")
        request = httpx.Request(
            method,
            place.origin,
            headers=signed,
            stream=httpx.ByteStream(whole) if whole is not None else _Sized(_given(content), size),
            extensions={"timeout": _TIMEOUTS, "target": target.encode("ascii")},
        )
        # An idle connection may be closed by its server in the moment we take it; all these may be sent twice.
        again = whole is not None and method != "POST"
        while True:
            try:
                return await self._transport.handle_async_request(request)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
                if not again:
                    raise unreachable(error) from None
                again = False
            except (httpx.TransportError, OpError) as error:
                raise unreachable(error) from None


_IDENTITY: Final[Headers] = [("accept-encoding", "identity")]
_OBJECT_STATUSES: Final = frozenset({200, 206, 304, 404, 412, 416})


def _given(content: bytes | AsyncIterable[bytes] | None) -> AsyncIterable[bytes]:
    assert content is not None
    assert not isinstance(content, bytes)
    return content


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
