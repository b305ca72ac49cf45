"""Owners of tasks, and how they are known: by an id, and a key of which only the hash is kept.

A key is remembered for a moment, so that a request costs no question to the database; who is removed is forgotten at once, in all
processes, by notification. While notifications are not heard, nothing is remembered.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

from cachetools import TTLCache

from runner.store.listener import Listener
from runner.tasks_server.errors import already_registered, not_accepted, not_authenticated, unmet
from runner.tasks_server.ids import new_ulid, read_ulid

if TYPE_CHECKING:
    from typing import Self

    from runner.tasks.lines import Lines

CHANGES: Final = "tasks_owners"
_KEY_CHARACTERS: Final = string.ascii_letters + string.digits
_KEY_LENGTH: Final = 64
_BEARER: Final = re.compile(r"[Bb]earer +([A-Za-z0-9]{64})", re.ASCII)
_REMEMBERED: Final = 10_000
_REMEMBERED_S: Final = 60.0


class Owner(NamedTuple):
    """Who asks."""

    id: UUID
    name: str
    key_hash: bytes


class NewOwner(NamedTuple):
    """An owner who has just come; ``key`` is told once."""

    id: UUID
    key: str


class OwnerCount(NamedTuple):
    """Since when there is an owner (ms since 1970), and how many live tasks it has."""

    created_ms: int
    live: int


class Owners:
    """Keeps owners; ``async with`` listens for those that are removed. Raises ``DatabaseUnavailableError`` when the database is away."""

    def __init__(self, url: str, lines: Lines) -> None:
        self._lines = lines
        self._known: TTLCache[UUID, Owner] = TTLCache(_REMEMBERED, _REMEMBERED_S)
        self._listener = Listener(
            url, [CHANGES], lambda _, change: self._forget(change), self._known.clear, needs=True
        )

    async def __aenter__(self) -> Self:
        await self._listener.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._listener.__aexit__(*error)

    async def register(self, name: str) -> NewOwner:
        """Add an owner.

        Raises
        ------
        Refused
            The name is another's.

        """
        key = "".join(secrets.choice(_KEY_CHARACTERS) for _ in range(_KEY_LENGTH))
        owner = new_ulid()
        async with self._lines.lend() as line:
            added = await line.rows("owner_add", id=owner, name=name, key_hash=_hash(key))
        if not added:
            raise already_registered()
        return NewOwner(owner, key)

    async def authenticate(self, authorization: str, owner_id: str) -> Owner:
        """Return who asks, by the headers of the request.

        Raises
        ------
        Refused
            A header is missing or malformed, there is no such owner, or the key is another's.

        """
        bearer, given = _BEARER.fullmatch(authorization), read_ulid(owner_id)
        if bearer is None or given is None:
            raise not_accepted()
        owner = self._known.get(given) if self._listener.connected.is_set() else None
        if owner is None:
            owner = await self._look_up(given)
        if not hmac.compare_digest(owner.key_hash, _hash(bearer[1])):
            raise not_authenticated()
        return owner

    async def count(self, owner: UUID) -> OwnerCount | None:
        """Return None when it is not there any more."""
        async with self._lines.lend() as line:
            row = await line.first("owner_get", owner=owner)
        return OwnerCount(*row) if row is not None else None

    async def remove(self, owner: UUID) -> None:
        """Remove an owner, and what is left of its tasks.

        Raises
        ------
        Refused
            It has live tasks.

        """
        async with self._lines.lend() as line:
            row = await line.first("owner_remove", owner=owner)
        self._known.pop(owner, None)
        if row is None or not row[0]:
            raise unmet()

    async def _look_up(self, owner_id: UUID) -> Owner:
        async with self._lines.lend() as line:
            row = await line.first("owner_key", owner=owner_id)
        if row is None:
            raise not_accepted()
        owner = Owner(owner_id, row[0], bytes(row[1]))
        self._known[owner_id] = owner
        return owner

    def _forget(self, payload: str) -> None:
        self._known.pop(UUID(payload), None)


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
