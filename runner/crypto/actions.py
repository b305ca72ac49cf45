"""The op's actions: which primitive gets which part of the attachment, and what the answer consists of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import rsa

from runner.crypto import aes, asymmetric, hashing, keys
from runner.crypto.arguments import (
    Aes,
    Agree,
    Export,
    Generate,
    Import,
    Oaep,
    Sign,
    Stretch,
    Verify,
)
from runner.errors import ViolationError

if TYPE_CHECKING:
    from runner.crypto.arguments import Args

Answer = tuple[object, bytes]
"""Value and attachment of the op's answer."""


def perform(args: Args, attachment: bytes) -> Answer:
    """Do what was asked, in this thread.

    Raises
    ------
    OpError
        It can not be done; the names are the standard's.
    ViolationError
        The parts are not those of the action.

    """
    parts = _divided(attachment, args.sizes)
    try:
        return _perform(args, parts)
    except (IndexError, TypeError, ValueError) as error:
        # The core checks what the primitives demand, and they what it can not.
        raise ViolationError(f"parts of crypto {args.__struct_config__.tag}: {error}") from error


def _divided(attachment: bytes, sizes: list[int]) -> list[bytes]:
    if sum(sizes) != len(attachment):
        raise ViolationError(f"crypto: {sum(sizes)} bytes of parts in {len(attachment)}")
    parts, start = [], 0
    for size in sizes:
        parts.append(attachment[start : start + size])
        start += size
    return parts


def _perform(args: Args, parts: list[bytes]) -> Answer:
    match args:
        case Stretch():
            password, salt = parts
            return None, hashing.stretch(args.hash, password, salt, args.iterations, args.bytes)
        case Aes():
            return None, _aes(args, *parts)
        case Generate():
            made = keys.make(args.kind, args.bits, args.exponent)
            return _in_parts([keys.spki(made.public_key()), keys.pkcs8(made)])
        case Import():
            return _import(args, parts)
        case Export():
            load = keys.load_private if args.private else keys.load_public
            return _in_parts(keys.to_jwk(load(args.kind, parts[0])))
        case Sign():
            der, data = parts
            return None, asymmetric.sign(args.scheme, args.kind, args.hash, args.salt, der, data)
        case Verify():
            der, signature, data = parts
            good = asymmetric.verify(
                args.scheme, args.kind, args.hash, args.salt, der, signature, data
            )
            return good, b""
        case Oaep():
            act = asymmetric.seal if args.direction == "encrypt" else asymmetric.open_sealed
            der, label, data = parts
            return None, act(args.hash, der, label, data)
        case Agree():
            private, public = parts
            return None, asymmetric.agree(args.kind, private, public)


def _in_parts(parts: list[bytes], **more: object) -> Answer:
    return {"sizes": [len(part) for part in parts], **more}, b"".join(parts)


def _aes(args: Aes, key: bytes, iv: bytes, extra: bytes, data: bytes) -> bytes:
    match args.mode:
        case "CBC":
            return aes.cbc(args.direction, key, iv, data)
        case "CTR":
            return aes.ctr(key, iv, args.bits, data)
        case "GCM":
            act = aes.gcm_encrypt if args.direction == "encrypt" else aes.gcm_decrypt
            return act(key, iv, extra, args.bits // 8, data)
        case "KW":
            return (aes.wrap if args.direction == "encrypt" else aes.unwrap)(key, data)


def _import(args: Import, parts: list[bytes]) -> Answer:
    key: keys.PublicKey | keys.PrivateKey
    match args.format:
        case "raw":
            key = keys.from_raw(args.kind, parts[0])
        case "spki":
            key = keys.load_public(args.kind, parts[0])
        case "pkcs8":
            key = keys.load_private(args.kind, parts[0])
        case "jwk":
            key = keys.from_jwk(args.kind, parts)
    der = keys.written(key)
    if isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey):
        return _in_parts([der, keys.exponent(key)], bits=key.key_size)
    return _in_parts([der])
