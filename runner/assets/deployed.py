"""Files that were deployed with a worker, sent as a request wants them: lists and pieces come from the database and are kept for a while.

Both never change: a list is that of one version, a file is named by what is in it. So nothing that is kept becomes untrue.
Must not know SQL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias
from uuid import UUID

from runner.assets.conditions import Version
from runner.assets.sending import send_file
from runner.assets.shelf import Shelf
from runner.errors import DatabaseUnavailableError, OpError
from runner.store.assets import PIECE_BYTES, Asset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from runner.assets.answer import Answer
    from runner.assets.paths import Candidate
    from runner.bindings import DeployedAssets
    from runner.store.assets import AssetStore

_OF_AN_ENTRY: Final = 500
"""Bytes of one beside its path, about."""
_OF_ANYTHING: Final = 100

List: TypeAlias = dict[str, Asset]


class DeployedFiles:
    """Sends them; keeps up to ``most_bytes`` of what it read."""

    def __init__(self, store: AssetStore, most_bytes: int) -> None:
        self._store = store
        self._shelf: Shelf[List | bytes] = Shelf(most_bytes, _size_of)

    async def send(
        self,
        answer: Answer,
        binding: DeployedAssets,
        names: Sequence[Candidate],
        headers: Mapping[str, str],
        slashed: str,
    ) -> None:
        """Answer with the first of the files that is there; ``slashed`` is where the index of a folder is.

        Raises
        ------
        OpError
            The database is away.

        """
        files = await self._list(binding)
        for candidate in names:
            asset = files.get(candidate.name)
            if asset is None:
                continue
            if candidate.redirects:
                answer.send(307, [("location", slashed)])
                return
            await self._send(answer, UUID(binding.tenant), asset, headers)
            return
        answer.refuse(404)

    async def close(self) -> None:
        await self._shelf.close()

    async def _send(
        self, answer: Answer, tenant: UUID, asset: Asset, headers: Mapping[str, str]
    ) -> None:
        async def read(start: int, stop: int) -> AsyncIterator[bytes]:
            while start < stop:
                number, offset = divmod(start, PIECE_BYTES)
                piece = await self._piece(tenant, asset.file, number)
                chunk = piece[offset : offset + stop - start]
                if not chunk:
                    raise OpError("Error", "the file is not complete")
                start += len(chunk)
                yield chunk

        # No date: by one, an older version that is served again would look like the newer one.
        version = Version(asset.size, f'"{asset.hash}"', None)
        await send_file(answer, version, asset.content_type, headers, read)

    async def _list(self, binding: DeployedAssets) -> List:
        async def read() -> List:
            tenant, worker = UUID(binding.tenant), UUID(binding.worker)
            found = await self._store.of_version(tenant, worker, binding.version)
            return {asset.path: asset for asset in found}

        try:
            files = await self._shelf.get(binding, read)
        except DatabaseUnavailableError as error:
            raise _away(error) from error
        assert isinstance(files, dict)
        return files

    async def _piece(self, tenant: UUID, file: UUID, number: int) -> bytes:
        async def read() -> bytes:
            content = await self._store.piece(tenant, file, number)
            if content is None:
                raise OpError("Error", "the file is gone")
            return content

        try:
            # The tenant, too, although no two have a file in common.
            piece = await self._shelf.get((tenant, file, number), read)
        except DatabaseUnavailableError as error:
            raise _away(error) from error
        assert isinstance(piece, bytes)
        return piece


def _away(error: DatabaseUnavailableError) -> OpError:
    # Its own text names the server.
    return OpError("Error", "the files can not be read at the moment")


def _size_of(kept: List | bytes) -> int:
    if isinstance(kept, bytes):
        return len(kept) + _OF_ANYTHING
    return _OF_ANYTHING + sum(len(path) + _OF_AN_ENTRY for path in kept)
