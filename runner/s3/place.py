"""Where a storage binding leads: the tenant's settings as an origin and a path.

Must not know requests. That the origin may be connected to is judged when it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

import httpx

from runner.errors import OpError

if TYPE_CHECKING:
    from runner.bindings import StorageBinding

_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
REGION: Final = re.compile(r"[A-Za-z0-9-]{1,64}")


class Place(NamedTuple):
    """Where requests go: an origin, what its ``host`` header says, and the path that all begin with."""

    origin: httpx.URL
    host: str
    path: str


def place_of(binding: StorageBinding) -> Place:
    """Return where a binding's bucket is.

    Without an endpoint it is Amazon's. An endpoint whose host begins with the bucket's name is the bucket (virtual-hosted
    style), any other has it as first segment of the path.
    """
    bucket = binding.bucket
    if not _BUCKET.fullmatch(bucket):
        raise OpError("Error", "storage failed: the binding's bucket is no name of a bucket")
    if not binding.endpoint:
        region = binding.region or "us-east-1"
        if not REGION.fullmatch(region):
            raise OpError("Error", "storage failed: the binding's region is no name of a region")
        amazon = f"s3.{region}.amazonaws.com"
        # Certificates are for one label.
        if "." in bucket:
            return Place(httpx.URL(f"https://{amazon}"), amazon, f"/{bucket}/")
        return Place(httpx.URL(f"https://{bucket}.{amazon}"), f"{bucket}.{amazon}", "/")
    endpoint = binding.endpoint if "://" in binding.endpoint else f"https://{binding.endpoint}"
    try:
        parts = urlsplit(endpoint)
        if (
            parts.scheme not in {"http", "https"}
            or not parts.hostname
            or parts.username is not None
            or parts.query
            or parts.fragment
        ):
            raise ValueError
        parts.hostname.encode("ascii")
        parts.path.encode("ascii")
        origin = httpx.URL(scheme=parts.scheme, host=parts.hostname, port=parts.port)
    except (ValueError, httpx.InvalidURL):
        raise OpError(
            "Error", "storage failed: the binding's endpoint is no URL of a server"
        ) from None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if parts.port not in {None, {"http": 80, "https": 443}[parts.scheme]}:
        host = f"{host}:{parts.port}"
    path = parts.path.rstrip("/") + "/"
    if not parts.hostname.startswith(f"{bucket.lower()}."):
        path += f"{bucket}/"
    return Place(origin, host, path)
