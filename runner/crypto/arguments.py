"""Arguments of the op ``crypto``, by action (docs/boundary.md). ``sizes`` says how the attachment is divided into parts.

Imports nothing heavy: the op reads them before a thread loads the primitives.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

HashName = Literal["SHA-1", "SHA-256", "SHA-384", "SHA-512"]
Kind = Literal["RSA", "P-256", "P-384", "P-521", "Ed25519", "X25519"]
Scheme = Literal["RSASSA-PKCS1-v1_5", "RSA-PSS", "ECDSA", "Ed25519"]
Direction = Literal["encrypt", "decrypt"]
Size = Annotated[int, msgspec.Meta(ge=0, le=1 << 30)]
Length = Annotated[int, msgspec.Meta(ge=0, le=(1 << 32) - 1)]
"""A tenant's number as it is; what can not be done with it is an error of the primitive."""


class Action(msgspec.Struct, frozen=True, tag_field="action"):
    sizes: list[Size]


class Stretch(Action, frozen=True, tag="pbkdf2"):
    """Parts: password, salt."""

    hash: HashName
    iterations: Length
    bytes: Length


class Aes(Action, frozen=True, tag="aes"):
    """Parts: key, iv or counter, additional data, data. ``bits`` are the counter's, or the tag's."""

    mode: Literal["CBC", "CTR", "GCM", "KW"]
    direction: Direction
    bits: Annotated[int, msgspec.Meta(ge=0, le=128)] = 0


class Generate(Action, frozen=True, tag="generate"):
    """Answered with the parts public and private key."""

    kind: Kind
    bits: int = 0
    exponent: int = 0


class Import(Action, frozen=True, tag="import"):
    """Parts: the key, or the JWK's numbers. Answered with the parts key and, of RSA, exponent."""

    kind: Kind
    format: Literal["raw", "spki", "pkcs8", "jwk"]


class Export(Action, frozen=True, tag="export"):
    """Parts: a key. Answered with the JWK's numbers as parts."""

    kind: Kind
    private: bool


class Sign(Action, frozen=True, tag="sign"):
    """Parts: private key, data. ``salt`` in bytes."""

    kind: Kind
    scheme: Scheme
    hash: HashName
    salt: Length = 0


class Verify(Action, frozen=True, tag="verify"):
    """Parts: public key, signature, data. Answered with a boolean."""

    kind: Kind
    scheme: Scheme
    hash: HashName
    salt: Length = 0


class Oaep(Action, frozen=True, tag="oaep"):
    """Parts: key, label, data."""

    direction: Direction
    hash: HashName


class Agree(Action, frozen=True, tag="agree"):
    """Parts: private key, public key."""

    kind: Kind


Args: TypeAlias = Stretch | Aes | Generate | Import | Export | Sign | Verify | Oaep | Agree
