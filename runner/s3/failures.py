"""What the tenant reads of a request that failed: S3's code, never its words, a URL or a credential."""

from __future__ import annotations

from typing import Final

import httpx

from runner.errors import OpError
from runner.ops.connections import CONNECT_S
from runner.ops.failures import why_not
from runner.s3.answers import error_code
from runner.s3.place import REGION

IDLE_S: Final = 60.0
MAX_ERROR_BYTES: Final = 1 << 16


def unreachable(error: Exception) -> OpError:
    """Return what the tenant reads of a connection that failed."""
    match error:
        case OpError():
            why = error.message.removeprefix("fetch failed: ")
        case httpx.ConnectTimeout():
            why = f"no TLS connection within {CONNECT_S:g} s"
        case httpx.ConnectError():
            why = f"the server {why_not(error)}"
        case httpx.TimeoutException():
            why = f"nothing moved for {IDLE_S:.0f} s"
        case _:
            why = "the connection was lost"
    return OpError("Error", f"storage failed: {why}")


async def read_whole(response: httpx.Response, most: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in response.aiter_raw():
            size += len(chunk)
            if size > most:
                raise OpError("Error", "storage failed: the server's answer is too long")
            chunks.append(chunk)
    except httpx.TransportError as error:
        raise unreachable(error) from None
    return b"".join(chunks)


async def refused(response: httpx.Response) -> OpError:
    """Read why a request failed."""
    status = response.status_code
    if 300 <= status < 400:
        region = response.headers.get("x-amz-bucket-region", "")
        where = f": it is in region {region}" if REGION.fullmatch(region) else ""
        return OpError("Error", f"storage failed: the bucket is elsewhere{where}")
    try:
        code = error_code(await read_whole(response, MAX_ERROR_BYTES))
    except OpError:
        code = ""
    return failure(status, code)


def failure(status: int, code: str) -> OpError:
    if status in {429, 503} or code == "SlowDown":
        return OpError("Error", "storage failed: the server is overloaded, try again later")
    return OpError("Error", f"storage failed: {code or 'the server refused'} ({status})")
