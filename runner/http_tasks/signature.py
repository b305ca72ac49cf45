"""The signature of an outgoing request: who has the secret knows that it is ours, when it was sent, and that its body is whole.

The header's value is ``t=1700000000,v1=HEX``: seconds since 1970, and HMAC-SHA256 with the secret (UTF-8) over the decimal seconds, a
dot, and the body's bytes (none: empty). A receiver computes the same over what came, compares in constant time, and refuses what is
older than it likes. Must not know how requests are sent.
"""

from __future__ import annotations

import hashlib
import hmac


def sign(secret: str, seconds: int, body: bytes) -> str:
    """Return the header's value."""
    digest = hmac.new(secret.encode(), b"%d." % seconds + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"
