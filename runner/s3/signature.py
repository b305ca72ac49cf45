"""AWS's signature, version 4, as S3 wants it: in the headers of a request.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html. Must not know what is asked for.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

UNSIGNED: Final = "UNSIGNED-PAYLOAD"
"""What stands for the hash of a body that is sent as it comes."""
_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_PLAIN: Final = "-_.~"


class Credentials(msgspec.Struct, frozen=True, gc=False):
    """Who signs, and where."""

    access_key_id: str
    secret_access_key: str
    region: str
    session_token: str = ""
    """Of credentials that are lent for some time."""

    def __repr__(self) -> str:
        return f"Credentials({self.region})"


def quote_path(path: str) -> str:
    """Return a path as it is in the request and in what is signed: encoded once, slashes kept."""
    return quote(path, safe=_PLAIN + "/")


def quote_query(parameters: Mapping[str, str]) -> str:
    """Return parameters as a query, in the order of the signature."""
    return "&".join(
        f"{quote(name, safe=_PLAIN)}={quote(value, safe=_PLAIN)}"
        for name, value in sorted(parameters.items())
    )


def sign(
    method: str,
    path: str,
    query: str,
    headers: Sequence[tuple[str, str]],
    *,
    payload: bytes | str,
    credentials: Credentials,
    now: datetime,
) -> list[tuple[str, str]]:
    """Return the headers with the date, the body's hash and the signature.

    ``path`` and ``query`` are encoded; names of headers are lower case and all are signed. ``payload`` is the body, or
    :data:`UNSIGNED`; ``now`` is UTC.
    """
    digest = payload if isinstance(payload, str) else hashlib.sha256(payload).hexdigest()
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    lent = (
        [("x-amz-security-token", credentials.session_token)] if credentials.session_token else []
    )
    signed = sorted([*headers, *lent, ("x-amz-content-sha256", digest), ("x-amz-date", moment)])
    names = ";".join(name for name, _ in signed)
    lines = "".join(f"{name}:{' '.join(value.split())}\n" for name, value in signed)
    request = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{digest}"
    scope = f"{moment[:8]}/{credentials.region}/s3/aws4_request"
    text = f"{_ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = b"AWS4" + credentials.secret_access_key.encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    authorization = (
        f"{_ALGORITHM} Credential={credentials.access_key_id}/{scope}, "
        f"SignedHeaders={names}, Signature={_hmac(key, text).hex()}"
    )
    return [*signed, ("authorization", authorization)]


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
