"""The ``cache`` op: what workers keep of responses, per tenant, in this runner's memory.

Must not know how entries are kept within their bounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from pools.protocol import STREAM_WINDOW_BYTES
from runner.cache.store import MAX_NAMES, Query
from runner.errors import OpError

if TYPE_CHECKING:
    from runner.cache.store import CacheStore, Headers, Kept
    from runner.ops.registry import OpCall

_INLINE_BYTES: Final = STREAM_WINDOW_BYTES // 4
_MAX_NAME: Final = 512


class _Action(msgspec.Struct, frozen=True, tag_field="action", rename="camel"):
    cache: str | None


class _Match(_Action, frozen=True, tag="match"):
    url: str
    headers: list[tuple[str, str]]
    ignore_search: bool = False
    ignore_vary: bool = False


class _Delete(_Action, frozen=True, tag="delete"):
    url: str
    headers: list[tuple[str, str]]
    ignore_search: bool = False
    ignore_vary: bool = False


class _Keys(_Action, frozen=True, tag="keys"):
    url: str | None = None
    headers: list[tuple[str, str]] = []
    ignore_search: bool = False
    ignore_vary: bool = False


class _Response(msgspec.Struct, frozen=True, rename="camel"):
    status: int
    status_text: str
    url: str
    headers: list[tuple[str, str]]


class _Put(_Action, frozen=True, tag="put"):
    url: str
    headers: list[tuple[str, str]]
    response: _Response
    body: Literal["text", "bytes", "stream"] | None = None
    text: str = ""


class _Open(_Action, frozen=True, tag="open"):
    pass


class _Has(_Action, frozen=True, tag="has"):
    pass


class _Drop(_Action, frozen=True, tag="drop"):
    pass


class _Names(_Action, frozen=True, tag="names"):
    pass


_Args = _Match | _Delete | _Keys | _Put | _Open | _Has | _Drop | _Names


class Caches:
    """The handler."""

    def __init__(self, store: CacheStore) -> None:
        self._store = store
        self._coming: dict[str, int] = {}
        """Bytes of bodies that are on their way, by tenant."""

    async def __call__(self, call: OpCall) -> None:
        args: _Args = call.args(_Args)  # type: ignore[arg-type]
        tenant, store, name = call.execution.deployment.tenant, self._store, args.cache
        if name is not None and len(name) > _MAX_NAME:
            raise OpError("TypeError", f"a cache's name has {_MAX_NAME} characters at most")
        call.note("db.operation.name", f"{args.__struct_config__.tag}")
        match args:
            case _Match():
                found = store.find(tenant, name, _query(args))
                await _answer(call, found[0] if found else None)
            case _Put():
                await self._put(call, args)
            case _Delete():
                call.resolve(store.delete(tenant, name, _query(args)))
            case _Keys():
                query = None if args.url is None else _query(args)
                kept = store.find(tenant, name, query)
                call.resolve([{"url": one.url, "headers": _given(one.varies)} for one in kept])
            case _Open():
                if not store.open(tenant, name or ""):
                    raise OpError("QuotaExceededError", f"a tenant has {MAX_NAMES} caches at most")
                call.resolve(None)
            case _Has():
                call.resolve(name in store.names(tenant))
            case _Drop():
                call.resolve(store.drop(tenant, name or ""))
            case _Names():
                call.resolve(store.names(tenant))

    async def _put(self, call: OpCall, args: _Put) -> None:
        response = args.response
        body: bytes | None = None
        if args.body == "text":
            body = args.text.encode()
        elif args.body == "bytes":
            body = call.attachment
        elif args.body == "stream":
            body = await self._collect(call)
        tenant = call.execution.deployment.tenant
        if body is not None and len(body) > self._store.max_entry_bytes:
            raise self._too_large()
        self._store.put(
            tenant,
            args.cache,
            Query(args.url, args.headers),
            (response.status, response.status_text, response.url, response.headers, body),
        )
        call.resolve(None)

    async def _collect(self, call: OpCall) -> bytes:
        """Read a body that comes in pieces; what a tenant's are while they come counts like what they become."""
        tenant, stream = call.execution.deployment.tenant, call.sent_body()
        body = bytearray()
        try:
            while (chunk := await stream.read()) is not None:
                body += chunk
                self._coming[tenant] = self._coming.get(tenant, 0) + len(chunk)
                if (
                    len(body) > self._store.max_entry_bytes
                    or self._coming[tenant] > self._store.tenant_bytes
                ):
                    raise self._too_large()
        finally:
            stream.cancel("the cache takes no more")
            left = self._coming.get(tenant, 0) - len(body)
            if left > 0:
                self._coming[tenant] = left
            else:
                self._coming.pop(tenant, None)
        return bytes(body)

    def _too_large(self) -> OpError:
        return OpError(
            "QuotaExceededError",
            f"the body is too large for the cache, which keeps {self._store.max_entry_bytes} bytes of one",
        )


def _query(args: _Match | _Delete | _Keys) -> Query:
    return Query(args.url or "", args.headers, args.ignore_search, args.ignore_vary)


def _given(varies: Headers) -> Headers:
    return [(name, value) for name, value in varies if value]


async def _answer(call: OpCall, kept: Kept | None) -> None:
    """Resolve the op with a response, and send its body."""
    if kept is None:
        call.resolve(None)
        return
    answer: dict[str, Any] = {
        "status": kept.status,
        "statusText": kept.status_text,
        "url": kept.response_url,
        "headers": kept.headers,
        "body": None,
    }
    body = kept.body
    if body is None:
        call.resolve(answer)
    elif len(body) <= _INLINE_BYTES:
        call.resolve(answer | {"body": "bytes"}, body)
    else:
        stream = call.open_body()
        call.resolve(answer | {"body": "stream"})
        await stream.write(body)
        stream.close()
