"""The ``kv`` op: key-value namespaces of a worker, in PostgreSQL.

Keys and values are judged here; JavaScript keeps back only what is far too large. Must not know SQL.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from typing import TYPE_CHECKING, Final

import msgspec
import psycopg

from runner.bindings import KvBinding
from runner.errors import OpError
from runner.ops.granted import granted
from runner.ops.turns import Turns
from runner.records import mend_surrogates

if TYPE_CHECKING:
    from runner.ops.registry import OpCall
    from runner.store.kv import KvStore

MAX_KEY_BYTES: Final = 512
MAX_VALUE_BYTES: Final = 100 << 10
"""Of JSON text in UTF-8."""
_CONNECTIONS_PER_TENANT: Final = 4
"""Fewer than the pool has: one tenant's flood leaves some to others."""
_WITHIN_S: Final = 10.0
"""From the call to the answer, however many of the tenant's own come first."""
_MAX_EXPONENTS: Final = 2000
_MAX_LIST: Final = 1000
_MAX_EXPIRES_IN_S: Final = 100 * 365 * 24 * 3600


class _Action(msgspec.Struct, frozen=True, tag_field="action"):
    binding: str


class _Get(_Action, frozen=True, tag="get"):
    key: str


class _Put(_Action, frozen=True, tag="put", rename="camel"):
    key: str
    json: str
    expires_in: float | None = None


class _Delete(_Action, frozen=True, tag="delete"):
    key: str


class _List(_Action, frozen=True, tag="list"):
    limit: int = _MAX_LIST
    prefix: str = ""
    cursor: str = ""


# `jsonb` writes them out: 1e+308 comes back with 308 zeros.
_EXPONENT: Final = re.compile(rb"[0-9][eE][+-]?[0-9]")

_Args = _Get | _Put | _Delete | _List


class Kv:
    """The handler."""

    def __init__(self, store: KvStore) -> None:
        self._store = store
        self._turns = Turns(_CONNECTIONS_PER_TENANT)

    async def __call__(self, call: OpCall) -> None:
        args: _Args = call.args(_Args)  # type: ignore[arg-type]
        namespace = granted(call, args.binding, KvBinding).namespace
        call.note("db.operation.name", f"{args.__struct_config__.tag}")
        try:
            async with asyncio.timeout(_WITHIN_S), self._turns.of(call.execution.deployment.tenant):
                answer = await self._act(namespace, args)
        except TimeoutError:
            raise OpError("Error", "KV is not available: the database does not answer") from None
        except psycopg.errors.StatementTooComplex:
            raise OpError("RangeError", "KV: the value is nested too deeply") from None
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise OpError(
                "Error", "KV is not available: the database can not be reached"
            ) from error
        except psycopg.errors.UntranslatableCharacter:
            raise OpError("TypeError", "KV: a value can not have the character U+0000") from None
        except psycopg.errors.ForeignKeyViolation:
            raise OpError("Error", f"KV: the namespace of {args.binding} is gone") from None
        call.resolve(answer)

    async def _act(self, namespace: str, args: _Args) -> object:
        match args:
            case _Get():
                value = await self._store.get(namespace, _key(args.key))
                return None if value is None else msgspec.Raw(value.encode())
            case _Put():
                expires_in_s = _expiry(args.expires_in)
                await self._store.put(namespace, _key(args.key), _value(args.json), expires_in_s)
                return None
            case _Delete():
                return await self._store.delete(namespace, _key(args.key))
            case _List():
                return await self._list(namespace, args)

    async def _list(self, namespace: str, args: _List) -> object:
        if not 1 <= args.limit <= _MAX_LIST:
            raise OpError("RangeError", f"KV list: limit must be from 1 to {_MAX_LIST}")
        prefix = _key(args.prefix, "a prefix") if args.prefix else ""
        # One more tells whether any follow.
        keys = await self._store.keys(
            namespace, prefix=prefix, after=_after(args.cursor), limit=args.limit + 1
        )
        following = len(keys) > args.limit
        keys = keys[: args.limit]
        return {"keys": keys, "cursor": _cursor(keys[-1]) if following else None}


def _key(key: str, what: str = "a key") -> str:
    if not key:
        raise OpError("TypeError", f"KV: {what} can not be empty")
    if "\0" in key:
        raise OpError("TypeError", f"KV: {what} can not have the character U+0000")
    if len(key.encode()) > MAX_KEY_BYTES:
        raise OpError("RangeError", f"KV: {what} has at most {MAX_KEY_BYTES} bytes of UTF-8")
    return key


def _value(text: str) -> str:
    encoded = text.encode()
    if len(encoded) > MAX_VALUE_BYTES:
        raise OpError(
            "RangeError",
            f"Value too large: {len(encoded)} bytes of JSON, at most {MAX_VALUE_BYTES} bytes are allowed",
        )
    if len(_EXPONENT.findall(encoded)) > _MAX_EXPONENTS:
        raise OpError(
            "RangeError", f"KV: a value can have {_MAX_EXPONENTS} numbers with an exponent"
        )
    return mend_surrogates(encoded).decode()


def _expiry(expires_in_s: float | None) -> float | None:
    if expires_in_s is not None and not 0 < expires_in_s <= _MAX_EXPIRES_IN_S:
        raise OpError(
            "RangeError",
            f"KV: expiresIn must be more than 0 and at most {_MAX_EXPIRES_IN_S} seconds",
        )
    return expires_in_s


def _cursor(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _after(cursor: str) -> str:
    """Return the key that a cursor stands behind."""
    try:
        after = base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise OpError("TypeError", "KV list: the cursor is not one of list's") from None
    return _key(after, "a cursor") if after else ""
