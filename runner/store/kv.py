"""Key-value namespaces in ``kv_data``: values are JSON text here, keys are in the order of their UTF-8 bytes.

Must not know workers or bindings, nor judge keys and values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from runner.store.named_queries import load_queries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.store.pool import Pool

_LAST: Final = chr(0x10FFFF)
_AFTER_ALL: Final = _LAST * 129
"""Behind every key: the longest are 512 bytes, which is 128 of the last character."""


class KvStore:
    """Reads and writes over a pool; what psycopg raises goes through."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = load_queries("kv")

    async def get(self, namespace: str, key: str) -> str | None:
        """Return the value as JSON text, as PostgreSQL writes it."""
        rows = await self._run("get_kv", {"namespace": namespace, "key": key})
        return rows[0][0] if rows else None

    async def put(
        self, namespace: str, key: str, value: str, expires_in_s: float | None = None
    ) -> None:
        await self._run(
            "put_kv",
            {"namespace": namespace, "key": key, "value": value, "expires_in_s": expires_in_s},
        )

    async def delete(self, namespace: str, key: str) -> bool:
        """Tell whether there was a value."""
        rows = await self._run("delete_kv_value", {"namespace": namespace, "key": key})
        return bool(rows and rows[0][0])

    async def keys(
        self, namespace: str, *, prefix: str = "", after: str = "", limit: int
    ) -> list[str]:
        """Return up to ``limit`` keys that start with ``prefix`` and come after ``after``."""
        # There is no character zero in keys, so this is the first that can follow.
        first = max(prefix, f"{after}\x01") if after else prefix
        rows = await self._run(
            "list_kv",
            {"namespace": namespace, "first": first, "end": end_of(prefix), "limit": limit},
        )
        return [key for (key,) in rows]

    async def purge(self, limit: int) -> int:
        """Delete up to ``limit`` of what has expired; return how many there were."""
        async with self._pool.connection() as connection:
            return (await connection.execute(self._queries["purge_kv"], {"limit": limit})).rowcount

    async def _run(self, name: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(self._queries[name], values)
            return await cursor.fetchall() if cursor.description else []


def end_of(prefix: str) -> str:
    """Return what comes behind all keys that start with ``prefix``, in the order of characters (and so of UTF-8)."""
    stem = prefix.rstrip(_LAST)
    if not stem:
        return _AFTER_ALL
    following = ord(stem[-1]) + 1
    # There are no characters from U+D800 to U+DFFF.
    return stem[:-1] + chr(0xE000 if following == 0xD800 else following)
