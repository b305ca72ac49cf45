"""Hash functions by their names in the Web Cryptography API, and PBKDF2. Digests and HMACs are made in the isolate host."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import hashes

from runner.crypto.faults import refuse_operation

if TYPE_CHECKING:
    from collections.abc import Mapping

HASHES: Final[Mapping[str, hashes.HashAlgorithm]] = {
    # SHA-1 is in the standard; who asks for it by name gets it.
    "SHA-1": hashes.SHA1(),  # noqa: S303
    "SHA-256": hashes.SHA256(),
    "SHA-384": hashes.SHA384(),
    "SHA-512": hashes.SHA512(),
}
_MOST_BYTES: Final = 16 << 20
_MOST_BLOCKS: Final = 2_000_000
"""Iterations of PBKDF2 times blocks of its output: half a second."""


def stretch(name: str, password: bytes, salt: bytes, iterations: int, size: int) -> bytes:
    """Return ``size`` bytes of PBKDF2.

    Raises
    ------
    OpError
        It is too much work.

    """
    blocks = -(-size // HASHES[name].digest_size)
    if size > _MOST_BYTES or blocks * iterations > _MOST_BLOCKS:
        raise refuse_operation(
            f"PBKDF2: {iterations} iterations for {blocks} blocks are more than {_MOST_BLOCKS}"
        )
    return hashlib.pbkdf2_hmac(HASHES[name].name, password, salt, iterations, size)
