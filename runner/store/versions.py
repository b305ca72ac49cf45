"""Deployments as they are stored: each version with all its files, and which one is served."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from runner.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from runner.store.assets import VersionAssets
    from runner.store.database import Statements

_MOST: Final = 1000
_SINGLE: Final = {"javascript": "index.js", "typescript": "index.ts"}
"""What a single script of the original's tools is called."""
_TYPESCRIPT: Final = (".ts", ".mts")


class Code(msgspec.Struct, frozen=True):
    """The files of a deployment, texts by path."""

    main: str
    files: dict[str, str]
    stripped: dict[str, str] = {}
    """Those that had types, without them."""

    def hash(self, assets: VersionAssets | None = None) -> str:
        """Return the same for the same files."""
        parts: list[object] = [self.main, self.files]
        if assets is not None:
            static = {asset.path: [asset.hash, asset.content_type] for asset in assets.files}
            parts += [assets.binding, static]
        return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``worker_deployments``, without the code."""

    version: int
    hash: str
    code_type: str
    main: str | None
    deployed_at: datetime
    deployed_by: str | None
    message: str | None
    current: bool
    files: int
    bytes: int
    static_files: int
    static_bytes: int


class Stored(NamedTuple):
    """What became of a deployment."""

    version: int
    created: bool
    """False: these files were a version already."""


class CodeRow(msgspec.Struct, frozen=True):
    """The entry of a version."""

    code_type: str
    code: bytes
    main: str | None
    stripped: bytes | None


class FileRow(msgspec.Struct, frozen=True):
    """Another file of it."""

    path: str
    content: bytes
    stripped: bytes | None


def code_of(entry: CodeRow, files: list[FileRow]) -> Code | None:
    """Return the files that rows hold; None when they are no text in a language that we run."""
    main = entry.main or _SINGLE.get(entry.code_type)
    if main is None:
        return None
    rows = [FileRow(main, entry.code, entry.stripped), *files]
    try:
        return Code(
            main,
            {row.path: row.content.decode() for row in rows},
            {row.path: row.stripped.decode() for row in rows if row.stripped is not None},
        )
    except UnicodeDecodeError:
        return None


class Versions:
    """Stores, lists and chooses versions. Workers are named by tenant and id, so that nobody reaches another's."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def store(
        self,
        tenant: UUID,
        worker: UUID,
        code: Code,
        *,
        assets: VersionAssets | None = None,
        by: UUID | None = None,
        message: str | None = None,
    ) -> Stored:
        """Serve these files from now on; files that are a version already are that version."""
        await self._lock(tenant, worker)
        version = await self._statements.value(
            "version_of_hash", worker=worker, hash=code.hash(assets)
        )
        created = version is None
        if created:
            version = await self._add(worker, code, assets, by, message)
        await self._statements.run("set_current_version", worker=worker, version=version)
        return Stored(version, created)

    async def all(self, tenant: UUID, worker: UUID, limit: int = _MOST) -> list[Version]:
        """Return a worker's versions, the newest first."""
        await self._lock(tenant, worker)
        return await self._statements.all(
            Version, "versions", worker=worker, version=None, limit=limit
        )

    async def rollback(self, tenant: UUID, worker: UUID, version: int | None = None) -> Version:
        """Serve an earlier version, by default the one before the current one.

        Raises
        ------
        NotFoundError
            There is none.

        """
        current = await self._lock(tenant, worker)
        if version is None:
            version = await self._statements.value("version_before", worker=worker, version=current)
        there = await self._statements.first(
            Version, "versions", worker=worker, version=version or 0, limit=1
        )
        if there is None:
            raise NotFoundError("version", str(version or f"before {current}"))
        await self._statements.run("set_current_version", worker=worker, version=there.version)
        return msgspec.structs.replace(there, current=True)

    async def read(self, tenant: UUID, worker: UUID, version: int | None = None) -> Code:
        """Return the files of a version, by default the current one.

        Raises
        ------
        NotFoundError
            There is none, or it is no text.

        """
        current = await self._lock(tenant, worker)
        version = version or current
        values = {"worker": worker, "version": version}
        entry = await self._statements.first(CodeRow, "code", **values)
        if entry is not None:
            code = code_of(entry, await self._statements.all(FileRow, "files", **values))
            if code is not None:
                return code
        raise NotFoundError("version", str(version))

    async def _lock(self, tenant: UUID, worker: UUID) -> int:
        current = await self._statements.value("lock_worker", tenant=tenant, worker=worker)
        if current is None:
            raise NotFoundError("worker", str(worker))
        return int(current)

    async def _add(
        self,
        worker: UUID,
        code: Code,
        assets: VersionAssets | None,
        by: UUID | None,
        message: str | None,
    ) -> int:
        main = code.main
        version = await self._statements.value(
            "add_version",
            worker=worker,
            hash=code.hash(assets),
            code_type="typescript" if main.endswith(_TYPESCRIPT) else "javascript",
            code=code.files[main].encode(),
            main=main,
            stripped=_encoded(code.stripped, main),
            assets_binding=None if assets is None else assets.binding,
            by=by,
            message=message,
        )
        if assets is not None:
            await self._statements.run(
                "add_version_assets",
                worker=worker,
                version=version,
                paths=[asset.path for asset in assets.files],
                files=[asset.file for asset in assets.files],
                types=[asset.content_type for asset in assets.files],
            )
        others = [path for path in code.files if path != main]
        if others:
            await self._statements.run(
                "add_files",
                worker=worker,
                version=version,
                paths=others,
                contents=[code.files[path].encode() for path in others],
                stripped=[_encoded(code.stripped, path) for path in others],
            )
        return int(version)


def _encoded(stripped: Mapping[str, str], path: str) -> bytes | None:
    text = stripped.get(path)
    return text.encode() if text is not None else None
