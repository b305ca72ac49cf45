"""Static files of deployments as they are stored: a tenant's bytes once for each content, in pieces, and lists of them by version.

Must not know requests, nor what a path means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from runner.errors import ConflictError, RefusedError
from runner.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.store.database import Statements
    from runner.store.pool import Pool

PIECE_BYTES: Final = 256 << 10
"""Of every piece but a file's last. Pieces that are stored have it: who changes it must cut them anew."""
KEPT_S: Final = 3600.0
"""How long a file stays that no version refers to: a deployment asks for it first and refers to it then."""
_BATCH: Final = 100


class StoredFile(msgspec.Struct, frozen=True):
    """A complete file of a tenant."""

    id: UUID
    hash: str
    """SHA-256 in hexadecimal digits."""
    size: int


class Asset(msgspec.Struct, frozen=True):
    """A file of a version."""

    path: str
    file: UUID
    hash: str
    size: int
    content_type: str


class VersionAssets(msgspec.Struct, frozen=True):
    """All static files of a version, and the name that they have in ``env``."""

    binding: str
    files: tuple[Asset, ...]


class Assets:
    """Uploads and finds files. Files are named by tenant and content, so that nobody reaches another's."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def want(self, tenant: UUID, hashes: Iterable[str]) -> dict[str, StoredFile]:
        """Return those files that are there, which stay for a while even if no version refers to them."""
        found = await self._statements.all(
            StoredFile,
            "want_asset_files",
            tenant=tenant,
            hashes=[bytes.fromhex(text) for text in set(hashes)],
        )
        return {one.hash: one for one in found}

    async def begin(self, tenant: UUID) -> UUID:
        """Make a file that is empty and not complete; nobody sees it."""
        number = await self._statements.value("begin_asset_file", tenant=tenant)
        assert isinstance(number, UUID)
        return number

    async def add(self, file: UUID, number: int, content: bytes) -> None:
        """Append to it: pieces of ``PIECE_BYTES``, and a last one of less."""
        await self._statements.run("add_asset_piece", file=file, number=number, content=content)

    async def complete(self, file: UUID, digest: bytes, size: int) -> None:
        """Make it one that can be found by its content.

        Raises
        ------
        RefusedError
            It took so long that it was removed.

        """
        if not await self._statements.run("complete_asset_file", file=file, hash=digest, size=size):
            raise RefusedError("the upload took too long")

    async def drop(self, file: UUID) -> None:
        """Remove one that is not complete."""
        await self._statements.run("drop_asset_file", file=file)


class Upload:
    """A file on its way into the database, piece by piece; no connection is held meanwhile."""

    def __init__(self, database: Database, tenant: UUID) -> None:
        self._database = database
        self._tenant = tenant
        self._file: UUID | None = None
        self._rest = bytearray()
        self._pieces = 0

    async def write(self, chunk: bytes) -> None:
        self._rest += chunk
        while len(self._rest) >= PIECE_BYTES:
            await self._store(bytes(self._rest[:PIECE_BYTES]))
            del self._rest[:PIECE_BYTES]

    async def complete(self, digest: bytes, size: int) -> None:
        """Have it be found by its content, from now on; raises what :meth:`Assets.complete` does."""
        if self._rest or self._file is None:
            await self._store(bytes(self._rest))
        assert self._file is not None
        try:
            async with self._database.transaction() as statements:
                await Assets(statements).complete(self._file, digest, size)
        except ConflictError:
            # Somebody was faster with the same.
            await self.drop()

    async def drop(self) -> None:
        if self._file is not None:
            async with self._database.transaction() as statements:
                await Assets(statements).drop(self._file)

    async def _store(self, piece: bytes) -> None:
        async with self._database.transaction() as statements:
            assets = Assets(statements)
            file = self._file or await assets.begin(self._tenant)
            await assets.add(file, self._pieces, piece)
        self._file = file
        self._pieces += 1


class AssetStore:
    """What is done with files beside sessions: uploads, reading, and removal of what nothing refers to.

    All of it raises ``DatabaseUnavailableError``.
    """

    def __init__(self, pool: Pool, place: str) -> None:
        self._database = Database(pool, place, "assets")

    def upload(self, tenant: UUID) -> Upload:
        return Upload(self._database, tenant)

    async def of_version(self, tenant: UUID, worker: UUID, version: int) -> list[Asset]:
        async with self._database.statements() as statements:
            return await statements.all(
                Asset, "assets_of_version", tenant=tenant, worker=worker, version=version
            )

    async def piece(self, tenant: UUID, file: UUID, number: int) -> bytes | None:
        """Return a piece of a tenant's file; None when the file is gone."""
        async with self._database.statements() as statements:
            content = await statements.value("asset_piece", tenant=tenant, file=file, number=number)
        return None if content is None else bytes(content)

    async def sweep(self, after_s: float = KEPT_S) -> int:
        """Remove files that no version refers to and that nobody wanted for ``after_s``; return how many."""
        removed = 0
        while True:
            async with self._database.transaction() as statements:
                count = await statements.run("sweep_asset_files", after_s=after_s, limit=_BATCH)
            removed += count
            if count < _BATCH:
                return removed
