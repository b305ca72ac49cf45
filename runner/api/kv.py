"""``.../kv``: key-value namespaces of a tenant, and what is in them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final
from uuid import UUID

import msgspec

from runner.api.endpoint import Endpoint, Model
from runner.api.errors import invalid, not_found
from runner.api.scope import Name, view, views
from runner.ops.kv import MAX_KEY_BYTES, MAX_VALUE_BYTES

if TYPE_CHECKING:
    from runner.api.scope import Scope
    from runner.store.kv import KvStore

_NAMESPACES: Final = "/v1/tenants/{tenant}/kv"
_KEY: Final = _NAMESPACES + "/{namespace}/keys/{key:path}"
_MAX_LIST: Final = 1000


class NamespaceView(Model, frozen=True, kw_only=True):
    """A namespace."""

    id: UUID
    name: str
    created_at: datetime


class KeysQuery(Model, frozen=True, kw_only=True):
    """Which keys: those that start with ``prefix`` and come after ``after``."""

    prefix: str = ""
    after: str = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=_MAX_LIST)] = _MAX_LIST


class Keys(Model, frozen=True, kw_only=True):
    """Keys in the order of their bytes."""

    keys: list[str]
    complete: bool
    """False: more come after the last one."""


class Entry(Model, frozen=True, kw_only=True):
    """A value: any JSON up to 100 KiB."""

    value: msgspec.Raw


class NewEntry(Model, frozen=True, kw_only=True):
    """A value, and how long it stays; without a time: for ever."""

    value: msgspec.Raw
    expires_in_s: Annotated[float, msgspec.Meta(gt=0, le=3e9)] | None = None


class KvApi:
    """Answers for namespaces."""

    def __init__(self, scope: Scope, kv: KvStore) -> None:
        self._scope = scope
        self._kv = kv

    def endpoints(self) -> list[Endpoint]:
        one = _NAMESPACES + "/{namespace}"
        return [
            Endpoint("GET", _NAMESPACES, self.list_all),
            Endpoint("PUT", one, self.make),
            Endpoint("DELETE", one, self.remove),
            Endpoint("GET", one + "/keys", self.keys),
            Endpoint("GET", _KEY, self.get),
            Endpoint("PUT", _KEY, self.put),
            Endpoint("DELETE", _KEY, self.delete),
        ]

    async def list_all(self, tenant: Name) -> list[NamespaceView]:
        """List a tenant's namespaces."""
        async with self._scope.of(tenant) as (session, owner):
            return views(await session.configs.list_kv(owner), NamespaceView)

    async def make(self, tenant: Name, namespace: Name) -> NamespaceView:
        """Make a namespace, if it is not there."""
        async with self._scope.of(tenant) as (session, owner):
            return view(await session.configs.ensure_kv(owner, namespace), NamespaceView)

    async def remove(self, tenant: Name, namespace: Name) -> None:
        """Remove a namespace with all its keys."""
        async with self._scope.of(tenant) as (session, owner):
            await session.configs.delete_kv(owner, namespace)

    async def keys(self, tenant: Name, namespace: Name, query: KeysQuery) -> Keys:
        """List keys."""
        number = await self._find(tenant, namespace)
        # One more tells whether there are more.
        found = await self._kv.keys(
            number, prefix=query.prefix, after=query.after, limit=query.limit + 1
        )
        return Keys(keys=found[: query.limit], complete=len(found) <= query.limit)

    async def get(self, tenant: Name, namespace: Name, key: str) -> Entry:
        """Read a value."""
        number = await self._find(tenant, namespace)
        value = await self._kv.get(number, _checked(key))
        if value is None:
            raise not_found(f"key {key[:100]!r}")
        return Entry(value=msgspec.Raw(value.encode()))

    async def put(self, tenant: Name, namespace: Name, key: str, body: NewEntry) -> None:
        """Write a value."""
        number = await self._find(tenant, namespace)
        value = bytes(body.value)
        if len(value) > MAX_VALUE_BYTES:
            raise invalid(
                f"a value has at most {MAX_VALUE_BYTES} bytes of JSON, this one {len(value)}"
            )
        await self._kv.put(number, _checked(key), value.decode(), body.expires_in_s)

    async def delete(self, tenant: Name, namespace: Name, key: str) -> None:
        """Remove a key."""
        number = await self._find(tenant, namespace)
        if not await self._kv.delete(number, _checked(key)):
            raise not_found(f"key {key[:100]!r}")

    async def _find(self, tenant: str, namespace: str) -> str:
        async with self._scope.of(tenant) as (session, owner):
            return str((await session.configs.get_kv(owner, namespace)).id)


def _checked(key: str) -> str:
    if not key or "\0" in key or len(key.encode()) > MAX_KEY_BYTES:
        raise invalid(f"a key has 1 to {MAX_KEY_BYTES} bytes, none of them 0")
    return key
