"""Bodies of a length that nobody knows yet: parts are collected and sent one after another.

S3 wants the length of each part before its bytes, so one part is in memory per upload, and the number of uploads has a
bound. Must not know ops.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from runner.errors import OpError

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator

    from runner.s3.bucket import Bucket, Headers

PART_BYTES: Final = 5 << 20
"""The least that S3 takes, but for the last."""
_MAX_PARTS: Final = 10_000
_PER_TENANT: Final = 4

_log = logging.getLogger(__name__)


class Uploads:
    """Uploads under way. A tenant's fifth waits, whatever the others do."""

    def __init__(self, part_bytes: int = PART_BYTES) -> None:
        self._part_bytes = part_bytes
        self._places: dict[str, _Places] = {}
        self._aborting: set[asyncio.Task[None]] = set()

    async def put(
        self, tenant: str, bucket: Bucket, key: str, chunks: AsyncIterable[bytes], headers: Headers
    ) -> str:
        """Write an object; return its ETag, or nothing where S3 tells none. All of it is there, or nothing."""
        places = self._places.setdefault(tenant, _Places())
        places.users += 1
        try:
            async with places.semaphore:
                return await self._put(bucket, key, chunks, headers)
        finally:
            places.users -= 1
            if places.users == 0:
                del self._places[tenant]

    async def _put(
        self, bucket: Bucket, key: str, chunks: AsyncIterable[bytes], headers: Headers
    ) -> str:
        parts = _parts(chunks, self._part_bytes)
        first = await anext(parts)
        if len(first) < self._part_bytes:
            return await bucket.put(key, first, len(first), headers)
        upload = await bucket.begin_upload(key, headers)
        try:
            etags = [await bucket.put_part(key, upload, 1, first)]
            del first
            async for part in parts:
                if len(etags) == _MAX_PARTS:
                    most = self._part_bytes * _MAX_PARTS >> 30
                    raise OpError("RangeError", f"storage failed: a stream of more than {most} GiB")
                etags.append(await bucket.put_part(key, upload, len(etags) + 1, part))
            await bucket.complete_upload(key, upload, etags)
        except BaseException:
            self._abort(bucket, key, upload)
            raise
        return ""

    def _abort(self, bucket: Bucket, key: str, upload: str) -> None:
        """Have what was sent deleted; whoever put it is not there to wait any more."""
        task = asyncio.create_task(_abort(bucket, key, upload), name="abort upload")
        self._aborting.add(task)
        task.add_done_callback(self._aborting.discard)

    async def close(self) -> None:
        """Wait for what is being aborted."""
        await asyncio.gather(*self._aborting)


class _Places:
    """Of one tenant."""

    def __init__(self) -> None:
        self.semaphore = asyncio.Semaphore(_PER_TENANT)
        self.users = 0


async def _abort(bucket: Bucket, key: str, upload: str) -> None:
    try:
        await bucket.abort_upload(key, upload)
    except OpError as error:
        # S3 keeps the parts until its own rules delete them.
        _log.warning("an upload was not aborted: %s", error.message)


async def _parts(chunks: AsyncIterable[bytes], size: int) -> AsyncIterator[bytes]:
    """Yield pieces of exactly ``size`` bytes, and one that is shorter: the last; it may be empty when it is the first."""
    collected = bytearray()
    first = True
    async for chunk in chunks:
        collected += chunk
        while len(collected) >= size:
            yield bytes(collected[:size])
            first = False
            del collected[:size]
    if collected or first:
        yield bytes(collected)
