"""AES in the modes of the Web Cryptography API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import keywrap
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from runner.crypto.faults import failing_as, refuse_operation

if TYPE_CHECKING:
    from runner.crypto.arguments import Direction

_BLOCK: Final = 16


def cbc(direction: Direction, key: bytes, iv: bytes, data: bytes) -> bytes:
    """Run CBC with PKCS#7 padding."""
    with failing_as("OperationError", f"AES-CBC: the {direction}ion failed"):
        cipher = Cipher(algorithms.AES(key), modes.CBC(iv))
        if direction == "encrypt":
            padder = PKCS7(_BLOCK * 8).padder()
            encryptor = cipher.encryptor()
            return encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()
        decryptor, unpadder = cipher.decryptor(), PKCS7(_BLOCK * 8).unpadder()
        padded = decryptor.update(data) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()


def ctr(key: bytes, counter: bytes, bits: int, data: bytes) -> bytes:
    """Run CTR; the last ``bits`` bits of the block count, and wrap around among themselves.

    Raises
    ------
    OpError
        There are more blocks than values of the counter.

    """
    blocks = -(-len(data) // _BLOCK)
    if blocks > 1 << bits:
        raise refuse_operation(
            f"AES-CTR: {blocks} blocks are more than a counter of {bits} bits has"
        )
    first = int.from_bytes(counter, "big")
    mask = (1 << bits) - 1
    until_wrap = ((1 << bits) - (first & mask)) * _BLOCK
    if len(data) <= until_wrap:
        return _ctr(key, counter, data)
    wrapped = (first & ~mask).to_bytes(_BLOCK, "big")
    return _ctr(key, counter, data[:until_wrap]) + _ctr(key, wrapped, data[until_wrap:])


def _ctr(key: bytes, counter: bytes, data: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.CTR(counter)).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def gcm_encrypt(key: bytes, iv: bytes, extra: bytes, tag_bytes: int, data: bytes) -> bytes:
    """Return the ciphertext with the tag behind it."""
    with failing_as("OperationError", "AES-GCM: the iv must have from 8 to 128 bytes"):
        encryptor = Cipher(algorithms.AES(key), modes.GCM(iv)).encryptor()
    encryptor.authenticate_additional_data(extra)
    sealed = encryptor.update(data) + encryptor.finalize()
    return sealed + encryptor.tag[:tag_bytes]


def gcm_decrypt(key: bytes, iv: bytes, extra: bytes, tag_bytes: int, data: bytes) -> bytes:
    """Return what was sealed; the tag is the end of ``data``."""
    if len(data) < tag_bytes:
        raise refuse_operation("AES-GCM: the data are shorter than their tag")
    sealed, tag = data[: len(data) - tag_bytes], data[len(data) - tag_bytes :]
    with failing_as("OperationError", "AES-GCM: the decryption failed"):
        mode = modes.GCM(iv, tag, min_tag_length=tag_bytes)
        decryptor = Cipher(algorithms.AES(key), mode).decryptor()
        decryptor.authenticate_additional_data(extra)
        return decryptor.update(sealed) + decryptor.finalize()


def wrap(key: bytes, data: bytes) -> bytes:
    """Wrap a key of 16 bytes or more, in steps of 8 (RFC 3394)."""
    with failing_as("OperationError", "AES-KW: a key of 16, 24, 32... bytes can be wrapped"):
        return keywrap.aes_key_wrap(key, data)


def unwrap(key: bytes, data: bytes) -> bytes:
    with failing_as("OperationError", "AES-KW: the key could not be unwrapped"):
        try:
            return keywrap.aes_key_unwrap(key, data)
        except keywrap.InvalidUnwrap as error:
            raise ValueError from error
