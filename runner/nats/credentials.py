"""The content of a NATS credentials file: who we are, and the key that proves it. Nothing of it is written anywhere.

The formats are those of https://github.com/nats-io/nkeys and of ``nsc``: a JWT and an Ed25519 seed between dashed lines.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_BLOCK: Final = re.compile(
    r"-{3,}BEGIN (?P<kind>NATS USER JWT|USER NKEY SEED)-{3,}\s+(?P<text>[\w.+/=-]+)\s+-{3,}END "
)
_SEED_PREFIX: Final = 18 << 3
_USER_PREFIX: Final = 20 << 3


class UserCredentials(NamedTuple):
    """A user of a NATS account."""

    jwt: str
    key: Ed25519PrivateKey

    def __repr__(self) -> str:
        return "UserCredentials(***)"

    def give_jwt(self) -> bytes:
        return self.jwt.encode()

    def sign(self, nonce: str) -> bytes:
        """Return the signature of a server's nonce, as it is sent."""
        return base64.b64encode(self.key.sign(nonce.encode()))


def read_credentials(content: str) -> UserCredentials:
    """Return what a credentials file says.

    Raises
    ------
    ValueError
        It has no JWT, or no seed of a user; the text says which, never the content.

    """
    blocks = {match["kind"]: match["text"] for match in _BLOCK.finditer(content)}
    jwt, seed = blocks.get("NATS USER JWT"), blocks.get("USER NKEY SEED")
    if not jwt or not seed:
        raise ValueError("a credentials file with a user's JWT and its nkey seed is allowed")
    return UserCredentials(jwt, Ed25519PrivateKey.from_private_bytes(_read_seed(seed)))


def _read_seed(text: str) -> bytes:
    """Return the 32 bytes of a user's seed: base32 of prefix (2 bytes), seed and CRC-16."""
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error:
        raw = b""
    payload, checksum = raw[:-2], raw[-2:]
    if (
        len(raw) != 36
        or binascii.crc_hqx(payload, 0) != int.from_bytes(checksum, "little")
        or payload[0] & 0xF8 != _SEED_PREFIX
        or (payload[0] & 7) << 5 | payload[1] >> 3 != _USER_PREFIX
    ):
        raise ValueError("the nkey seed in the credentials file is none of a user's")
    return payload[2:]
