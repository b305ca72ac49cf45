"""Certificates and keys that owners uploaded: sealed, and there for their owner alone.

Must not know what is in them, nor HTTP.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Final, NamedTuple

from runner.store.secrets import SecretPlace
from runner.tasks_server.errors import no_key, unmet
from runner.tasks_server.ids import new_ulid, read_ulid

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from runner.store.secrets import SecretBox
    from runner.tasks.lines import Lines
    from runner.tasks_server.certificates import Holds

MOST: Final = 100
"""Uploads of one owner."""


class KeptUpload(NamedTuple):
    """One as its owner sees it: never its content. ``size`` in bytes, ``created_ms`` since 1970."""

    id: UUID
    name: str | None
    holds: Holds
    size: int
    created_ms: int


class Uploads:
    """Keeps them; ``box`` seals. Raises ``DatabaseUnavailableError`` when the database is away."""

    def __init__(self, lines: Lines, box: SecretBox) -> None:
        self._lines = lines
        self._box = box

    async def add(self, owner: UUID, name: str | None, holds: Holds, content: bytes) -> KeptUpload:
        """Keep an upload.

        Raises
        ------
        Refused
            The owner has as many as one may have, or is gone; or there is no key to seal with.

        """
        if not self._box.current:
            raise no_key()
        upload = new_ulid()
        sealed = self._box.seal(b64encode(content).decode(), _place(owner, upload))
        async with self._lines.transaction() as line:
            await line.rows("owner_lock", owner=owner)
            row = await line.first(
                "certificate_add",
                id=upload,
                owner=owner,
                name=name,
                holds=holds,
                size=len(content),
                sealed=sealed,
                most=MOST,
            )
        if row is None:
            raise unmet("Certificates have reached their limit")
        return KeptUpload(upload, name, holds, len(content), row[0])

    async def all(self, owner: UUID) -> list[KeptUpload]:
        async with self._lines.lend() as line:
            rows = await line.rows("certificate_list", owner=owner)
        return [KeptUpload(*row) for row in rows]

    async def remove(self, owner: UUID, upload: UUID) -> bool:
        """Return whether it was there."""
        async with self._lines.lend() as line:
            return bool(await line.rows("certificate_remove", owner=owner, id=upload))

    async def contents(self, owner: UUID, names: Iterable[str]) -> dict[str, bytes]:
        """Return the content of those that are there, by the id that stands behind ``upload:``.

        Raises
        ------
        SecretError
            One was sealed with a key that is not here.

        """
        wanted = {name: upload for name in names if (upload := read_ulid(name)) is not None}
        if not wanted:
            return {}
        async with self._lines.lend() as line:
            rows = await line.rows("certificate_get", owner=owner, ids=list(wanted.values()))
        found = {
            upload: b64decode(self._box.open(bytes(sealed), _place(owner, upload)))
            for upload, sealed in rows
        }
        return {name: found[upload] for name, upload in wanted.items() if upload in found}


def _place(owner: UUID, upload: UUID) -> SecretPlace:
    return SecretPlace("tasks_certificates", "sealed", owner, upload)
