"""Secrets at rest: AES-256-GCM, bound to the row they are in.

A sealed secret is VERSION (1 byte, 1), KEY ID (1 byte), NONCE (12 random bytes), then ciphertext and tag. The associated data are
the row's identity, so that a sealed value is worth nothing in another row, column or tenant.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from runner.errors import SecretError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from runner.service_settings import SecretKey

_VERSION: Final = 1
_NONCE_BYTES: Final = 12
_HEAD_BYTES: Final = 2 + _NONCE_BYTES
_TAG_BYTES: Final = 16


class SecretPlace(NamedTuple):
    """Where a secret is kept."""

    table: str
    column: str
    tenant: UUID
    row: UUID

    def __str__(self) -> str:
        return f"{self.table}.{self.column} of row {self.row}"

    def associated(self) -> bytes:
        return msgspec.json.encode([self.table, self.column, str(self.tenant), str(self.row)])


class SecretBox:
    """Seals with the first key, opens with whichever key a secret was sealed with. Without a key it does neither."""

    def __init__(self, keys: Sequence[SecretKey]) -> None:
        self._sealing = keys[0].id if keys else None
        self._ciphers = {key.id: AESGCM(key.material) for key in keys}

    def seal(self, secret: str, place: SecretPlace) -> bytes:
        """Return the sealed secret.

        Raises
        ------
        SecretError
            There is no key.

        """
        if self._sealing is None:
            raise SecretError(
                str(place), "SECRETS_KEY is not set, and nothing is stored in clear text"
            )
        nonce = os.urandom(_NONCE_BYTES)
        head = bytes((_VERSION, self._sealing)) + nonce
        return head + self._ciphers[self._sealing].encrypt(
            nonce, secret.encode(), head[:2] + place.associated()
        )

    def open(self, sealed: bytes, place: SecretPlace) -> str:
        """Return the secret.

        Raises
        ------
        SecretError
            It was sealed with a key that is not here, belongs elsewhere, or was changed.

        """
        if len(sealed) < _HEAD_BYTES + _TAG_BYTES or sealed[0] != _VERSION:
            raise SecretError(str(place), "it is no sealed secret of this version of Isolane")
        cipher = self._ciphers.get(sealed[1])
        if cipher is None:
            reason = f"it was sealed with key {sealed[1]}, which SECRETS_KEY does not have"
            raise SecretError(str(place), reason)
        nonce, body = sealed[2:_HEAD_BYTES], sealed[_HEAD_BYTES:]
        try:
            return cipher.decrypt(nonce, body, sealed[:2] + place.associated()).decode()
        except InvalidTag:
            reason = f"it was changed, moved here from elsewhere, or key {sealed[1]} is another than it was sealed with"
            raise SecretError(str(place), reason) from None

    def knows(self, sealed: bytes) -> bool:
        """Tell whether the key that a secret was sealed with is here."""
        return sealed[1:2] != b"" and sealed[1] in self._ciphers

    @property
    def current(self) -> bytes:
        """What a secret begins with that needs no sealing with a newer key; empty without a key."""
        return b"" if self._sealing is None else bytes((_VERSION, self._sealing))
