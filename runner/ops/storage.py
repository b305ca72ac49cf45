"""The ``storage`` op: objects in a bucket that the tenant named, streaming both ways.

A worker names its binding; where that leads, and with which credentials, is in the deployment. Must not know S3.
"""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args
from urllib.parse import unquote, urlsplit

import httpx
import msgspec

from pools.protocol import STREAM_WINDOW_BYTES
from runner.bindings import StorageBinding
from runner.errors import OpError, StreamError
from runner.ops.granted import granted
from runner.s3.bucket import MAX_LISTED, Bucket
from runner.s3.failures import unreachable
from runner.s3.upload import Uploads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from runner.ops.registry import OpCall

_INLINE_BYTES: Final = STREAM_WINDOW_BYTES // 4
_META: Final = "x-amz-meta-"
_MAX_META_BYTES: Final = 2048
_TOLD: Final = frozenset(
    {
        "accept-ranges",
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-range",
        "content-type",
        "etag",
        "expires",
        "last-modified",
    }
)
# What S3 has no word for must not become a header of the request.
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"[ -~]*")

_Condition = Literal[
    "if-match", "if-modified-since", "if-none-match", "if-unmodified-since", "range"
]
_CONDITIONS: Final = frozenset(get_args(_Condition))


class Asked(msgspec.Struct, frozen=True):
    """What all have: a binding's name, and what to do; as ``fetch`` does, when it is not said."""

    binding: str
    action: str = "fetch"


class Fetch(msgspec.Struct, frozen=True):
    """An object as a response: what a request has that counts."""

    method: str
    url: str
    headers: list[tuple[str, str]]


class Get(msgspec.Struct, frozen=True):
    """An object; ``headers`` are a range and conditions."""

    key: str
    method: Literal["GET", "HEAD"] = "GET"
    headers: list[tuple[_Condition, str]] = []


class Put(msgspec.Struct, frozen=True):
    """An object's new content; a stream has a ``size`` when it is known."""

    key: str
    body: Literal["text", "bytes", "stream"]
    text: str = ""
    size: Annotated[int, msgspec.Meta(ge=0)] | None = None
    content_type: str = msgspec.field(default="", name="contentType")
    metadata: list[tuple[str, str]] = []


class Delete(msgspec.Struct, frozen=True):
    """Objects that are wanted no more."""

    key: str


class List(msgspec.Struct, frozen=True):
    """A page of keys."""

    prefix: str = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_LISTED)] = MAX_LISTED
    cursor: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    delimiter: Annotated[str, msgspec.Meta(max_length=64)] = ""


class Storage:
    """The op. Owns its connections; :meth:`close` waits for uploads that are being aborted."""

    def __init__(self, transport: httpx.AsyncBaseTransport, uploads: Uploads | None = None) -> None:
        self._transport = transport
        self._uploads = uploads or Uploads()

    async def __call__(self, call: OpCall) -> None:
        asked = call.args(Asked)
        bucket = Bucket(self._transport, granted(call, asked.binding, StorageBinding))
        call.note("db.operation.name", asked.action[:64])
        match asked.action:
            case "fetch":
                await _fetch(call, bucket, call.args(Fetch))
            case "get":
                await _get(call, bucket, call.args(Get))
            case "put":
                await self._put(call, bucket, call.args(Put))
            case "delete":
                await bucket.delete(call.args(Delete).key)
                call.resolve(None)
            case "list":
                await _list(call, bucket, call.args(List))
            case action:
                raise OpError("TypeError", f"storage has no action {action[:64]!r}")

    async def close(self) -> None:
        await self._uploads.close()
        await self._transport.aclose()

    async def _put(self, call: OpCall, bucket: Bucket, args: Put) -> None:
        headers = _headers(args)
        if args.body == "stream":
            etag = await self._put_stream(call, bucket, args, headers)
        else:
            content = args.text.encode() if args.body == "text" else call.attachment
            etag = await bucket.put(args.key, content, len(content), headers)
        call.resolve({"etag": etag.strip('"')})

    async def _put_stream(
        self, call: OpCall, bucket: Bucket, args: Put, headers: list[tuple[str, str]]
    ) -> str:
        stream = call.sent_body()

        async def chunks() -> AsyncIterator[bytes]:
            while (chunk := await stream.read()) is not None:
                yield chunk

        try:
            if args.size is not None:
                return await bucket.put(args.key, chunks(), args.size, headers)
            tenant = call.execution.deployment.tenant
            return await self._uploads.put(tenant, bucket, args.key, chunks(), headers)
        finally:
            stream.cancel("the upload is over")


async def _get(call: OpCall, bucket: Bucket, args: Get) -> None:
    async with bucket.get(args.key, _kept(args.headers), args.method) as response:
        answer = {"status": response.status_code, "headers": _told(response)}
        await _answer(call, response, answer, args.method)


async def _fetch(call: OpCall, bucket: Bucket, args: Fetch) -> None:
    if args.method not in {"GET", "HEAD"}:
        raise OpError("TypeError", f"storage: fetch reads, it can not {args.method[:16]}")
    key = unquote(urlsplit(args.url).path)
    headers = [(name, value) for name, value in args.headers if name.lower() in _CONDITIONS]
    async with bucket.get(key, _kept(headers), args.method) as response:
        answer = {
            "status": response.status_code,
            "statusText": HTTPStatus(response.status_code).phrase,
            "headers": _told(response) if response.status_code != 404 else [],
            "url": args.url,
            "redirected": False,
        }
        await _answer(call, response, answer, args.method)


async def _answer(
    call: OpCall, response: httpx.Response, answer: dict[str, Any], method: str
) -> None:
    """Resolve the op, and send the body on."""
    if method == "HEAD" or response.status_code not in {200, 206}:
        call.resolve(answer | {"body": None})
    elif int(response.headers.get("content-length", _INLINE_BYTES + 1)) <= _INLINE_BYTES:
        content = b"".join([chunk async for chunk in _received(response)])
        call.resolve(answer | {"body": "bytes"}, content)
    else:
        await _stream(call, response, answer)


def _kept(headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return what can be a header: the form of conditions is up to tenants."""
    return [(name.lower(), value) for name, value in headers if _VALUE.fullmatch(value)]


async def _stream(call: OpCall, response: httpx.Response, answer: dict[str, Any]) -> None:
    body = call.open_body()
    task = asyncio.current_task()
    assert task is not None
    body.on_cancel = task.cancel
    call.resolve(answer | {"body": "stream"})
    try:
        async for chunk in _received(response):
            await body.write(chunk)
    except OpError as error:
        body.close(StreamError(error.name, error.message))
    else:
        body.close()


async def _received(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.aiter_raw():
            yield chunk
    except httpx.TransportError as error:
        raise unreachable(error) from None


async def _list(call: OpCall, bucket: Bucket, args: List) -> None:
    page = await bucket.list(
        args.prefix, limit=args.limit, cursor=args.cursor, delimiter=args.delimiter
    )
    call.resolve({"objects": page.objects, "prefixes": page.prefixes, "cursor": page.cursor})


def _told(response: httpx.Response) -> list[tuple[str, str]]:
    """Return the headers that are about the object."""
    return [
        (name, value)
        for raw_name, raw_value in response.headers.raw
        if (name := raw_name.decode("latin-1").lower()) in _TOLD or name.startswith(_META)
        for value in (raw_value.decode("latin-1"),)
    ]


def _headers(args: Put) -> list[tuple[str, str]]:
    headers: list[tuple[str, str]] = []
    if args.content_type:
        if not _VALUE.fullmatch(args.content_type):
            raise OpError("TypeError", "storage: the content type has characters beyond ASCII")
        headers.append(("content-type", args.content_type))
    for name, value in args.metadata:
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise OpError(
                "TypeError",
                f"storage: metadata are names of letters, digits and dashes with ASCII values: {name[:64]!r}",
            )
        headers.append((_META + name.lower(), value.strip()))
    if sum(len(name) + len(value) for name, value in headers) > _MAX_META_BYTES:
        raise OpError("TypeError", f"storage: more than {_MAX_META_BYTES} bytes of metadata")
    return headers
