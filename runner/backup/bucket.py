"""A bucket of backups, or what begins with a path in it, on whatever speaks S3.

A backup is sent in parts, and is there when the last of them has come: a sender that is killed leaves no object (its parts go by the bucket's own
rule for incomplete uploads).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import httpx

from runner.backup.errors import BackupPlaceError
from runner.errors import NotFoundError, OpError
from runner.s3.bucket import MAX_LISTED, Bucket
from runner.s3.failures import unreachable
from runner.s3.upload import Uploads

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable

    from runner.bindings import StorageBinding

_T = TypeVar("_T")
_PART: Final = 32 << 20
"""Bytes: S3 takes 10,000 parts, which is 312 GiB."""


class BackupBucket:
    """``async with`` the transport is the caller's.

    Raises
    ------
    BackupPlaceError
        The settings name no bucket.

    """

    def __init__(
        self, transport: httpx.AsyncBaseTransport, binding: StorageBinding, session_token: str
    ) -> None:
        self.described = f"s3://{binding.bucket}/{binding.prefix}".rstrip("/")
        self._uploads = Uploads(_PART)
        try:
            self._bucket = Bucket(transport, binding, session_token)
        except OpError as error:
            raise self._failed(error) from None

    async def sizes(self) -> dict[str, int]:
        found: dict[str, int] = {}
        cursor = ""
        while True:
            page = await self._asked(
                self._bucket.list("", limit=MAX_LISTED, cursor=cursor, delimiter="/")
            )
            found |= {one.key: one.size for one in page.objects}
            if not (cursor := page.cursor):
                return found

    async def put(self, name: str, blocks: AsyncIterator[bytes]) -> None:
        headers = [("content-type", "application/x-tar")]
        try:
            await self._asked(self._uploads.put("", self._bucket, name, blocks, headers))
        finally:
            await self._uploads.close()

    async def read(self, name: str, start: int = 0) -> AsyncGenerator[bytes]:
        headers = [("range", f"bytes={start}-")] if start else []
        try:
            async with self._bucket.get(name, headers) as response:
                if response.status_code == 404:
                    raise NotFoundError("backup", name)
                if response.status_code != (206 if start else 200):
                    why = f"storage failed: it answers {response.status_code}"
                    raise OpError("Error", why)
                async for chunk in response.aiter_raw():
                    yield chunk
        except OpError as error:
            raise self._failed(error) from None
        except httpx.TransportError as error:
            raise self._failed(unreachable(error)) from None

    async def delete(self, name: str) -> None:
        await self._asked(self._bucket.delete(name))

    async def _asked(self, answer: Awaitable[_T]) -> _T:
        try:
            return await answer
        except OpError as error:
            raise self._failed(error) from None

    def _failed(self, error: OpError) -> BackupPlaceError:
        # What the client of S3 says is meant for tenants, whose settings are those of a binding.
        reason = error.message.removeprefix("storage failed: ").replace("the binding's ", "the ")
        return BackupPlaceError(self.described, reason)
