"""What asymmetric keys are used for: signatures, RSA-OAEP, agreements on a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from runner.crypto.faults import failing_as
from runner.crypto.hashing import HASHES
from runner.crypto.keys import load_private, load_public

if TYPE_CHECKING:
    from runner.crypto.arguments import Kind, Scheme


def _padding(scheme: Scheme, hash_name: str, salt_bytes: int) -> padding.PKCS1v15 | padding.PSS:
    if scheme == "RSASSA-PKCS1-v1_5":
        return padding.PKCS1v15()
    return padding.PSS(padding.MGF1(HASHES[hash_name]), salt_bytes)


def sign(
    scheme: Scheme, kind: Kind, hash_name: str, salt_bytes: int, der: bytes, data: bytes
) -> bytes:
    """Return the signature; ECDSA's is r and s, each as long as the curve's field."""
    key = load_private(kind, der)
    with failing_as("OperationError", f"{scheme}: the key is too short for this hash and salt"):
        match key:
            case rsa.RSAPrivateKey():
                return key.sign(data, _padding(scheme, hash_name, salt_bytes), HASHES[hash_name])
            case ec.EllipticCurvePrivateKey():
                r, s = decode_dss_signature(key.sign(data, ec.ECDSA(HASHES[hash_name])))
                size = (key.key_size + 7) // 8
                return r.to_bytes(size, "big") + s.to_bytes(size, "big")
            case ed25519.Ed25519PrivateKey():
                return key.sign(data)
            case x25519.X25519PrivateKey():
                raise TypeError


def verify(
    scheme: Scheme,
    kind: Kind,
    hash_name: str,
    salt_bytes: int,
    der: bytes,
    signature: bytes,
    data: bytes,
) -> bool:
    """Return whether a signature is good; one that is malformed is not."""
    key = load_public(kind, der)
    try:
        match key:
            case rsa.RSAPublicKey():
                scheme_padding = _padding(scheme, hash_name, salt_bytes)
                key.verify(signature, data, scheme_padding, HASHES[hash_name])
            case ec.EllipticCurvePublicKey():
                key.verify(_dss(signature, key.key_size), data, ec.ECDSA(HASHES[hash_name]))
            case ed25519.Ed25519PublicKey():
                key.verify(signature, data)
            case _:
                return False
    except (InvalidSignature, OverflowError, ValueError):
        return False
    return True


def _dss(signature: bytes, bits: int) -> bytes:
    size = (bits + 7) // 8
    if len(signature) != 2 * size:
        raise InvalidSignature
    r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    return encode_dss_signature(r, s)


def _oaep(hash_name: str, label: bytes) -> padding.OAEP:
    chosen = HASHES[hash_name]
    return padding.OAEP(padding.MGF1(chosen), chosen, label or None)


def seal(hash_name: str, der: bytes, label: bytes, data: bytes) -> bytes:
    """Encrypt with RSA-OAEP."""
    key = load_public("RSA", der)
    assert isinstance(key, rsa.RSAPublicKey)
    with failing_as("OperationError", "RSA-OAEP: the data are too long for the key"):
        return key.encrypt(data, _oaep(hash_name, label))


def open_sealed(hash_name: str, der: bytes, label: bytes, data: bytes) -> bytes:
    """Decrypt with RSA-OAEP."""
    key = load_private("RSA", der)
    assert isinstance(key, rsa.RSAPrivateKey)
    with failing_as("OperationError", "RSA-OAEP: the decryption failed"):
        return key.decrypt(data, _oaep(hash_name, label))


def agree(kind: Kind, private_der: bytes, public_der: bytes) -> bytes:
    """Return the secret that the owners of two keys of one kind share."""
    private, public = load_private(kind, private_der), load_public(kind, public_der)
    with failing_as("OperationError", f"{kind}: there is no shared secret with this public key"):
        match private, public:
            case ec.EllipticCurvePrivateKey(), ec.EllipticCurvePublicKey():
                return private.exchange(ec.ECDH(), public)
            case x25519.X25519PrivateKey(), x25519.X25519PublicKey():
                return private.exchange(public)
            case _:
                raise TypeError
