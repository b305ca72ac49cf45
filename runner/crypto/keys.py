"""Asymmetric keys: made, read and written. Between calls the tenant's JavaScript core has them, as DER: SPKI or PKCS#8."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

from runner.crypto.faults import failing_as, refuse_data, refuse_operation

if TYPE_CHECKING:
    from runner.crypto.arguments import Kind

PublicKey: TypeAlias = (
    rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | x25519.X25519PublicKey
)
PrivateKey: TypeAlias = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | x25519.X25519PrivateKey
)

MOST_MADE_BITS: Final = 4096
"""Of RSA keys that are made: a key of more takes ten seconds and longer."""
_MOST_BITS: Final = 8192
_MOST_EXPONENT_BITS: Final = 64
_MOST_DER_BYTES: Final = 16 << 10
_CURVES: Final[dict[str, ec.EllipticCurve]] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}
_RSA_ENCRYPTION: Final = bytes.fromhex("06092a864886f70d010101")
"""The object identifier that the standard allows; there are others for RSA."""


def make(kind: Kind, bits: int, exponent: int) -> PrivateKey:
    """Return a new key; ``bits`` and ``exponent`` are RSA's."""
    match kind:
        case "RSA":
            if bits > MOST_MADE_BITS:
                raise refuse_operation(f"RSA: keys of up to {MOST_MADE_BITS} bits can be made")
            # RSA's generator takes none but these two.
            with failing_as(
                "OperationError", "RSA: the exponent can be 3 or 65537, of 1024 bits or more"
            ):
                return rsa.generate_private_key(exponent, bits)
        case "Ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "X25519":
            return x25519.X25519PrivateKey.generate()
        case curve:
            return ec.generate_private_key(_CURVES[curve])


def load_public(kind: Kind, der: bytes) -> PublicKey:
    """Read SPKI; raises OpError (DataError) when it is no key of this kind."""
    with failing_as("DataError", f"the data are no public key for {kind}"):
        if len(der) > _MOST_DER_BYTES:
            raise ValueError
        return _public_of_kind(kind, load_der_public_key(der), der)


def load_private(kind: Kind, der: bytes) -> PrivateKey:
    """Read PKCS#8; raises OpError (DataError) when it is no key of this kind."""
    with failing_as("DataError", f"the data are no private key for {kind}"):
        if len(der) > _MOST_DER_BYTES:
            raise ValueError
        # The library's check of RSA keys takes 100 to 300 ms, in which no other Python runs; ours takes microseconds.
        key = load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
        return _private_of_kind(kind, key, der)


def _public_of_kind(kind: Kind, key: object, der: bytes) -> PublicKey:
    match key:
        case rsa.RSAPublicKey() if kind == "RSA" and _RSA_ENCRYPTION in der[:40]:
            _check_public_numbers(key.public_numbers())
            return key
        case ec.EllipticCurvePublicKey() if _is_curve(kind, key.curve):
            return key
        case ed25519.Ed25519PublicKey() if kind == "Ed25519":
            return key
        case x25519.X25519PublicKey() if kind == "X25519":
            return key
    raise ValueError


def _private_of_kind(kind: Kind, key: object, der: bytes) -> PrivateKey:
    match key:
        case rsa.RSAPrivateKey() if kind == "RSA" and _RSA_ENCRYPTION in der[:40]:
            _check_private_numbers(key.private_numbers())
            return key
        case ec.EllipticCurvePrivateKey() if _is_curve(kind, key.curve):
            return key
        case ed25519.Ed25519PrivateKey() if kind == "Ed25519":
            return key
        case x25519.X25519PrivateKey() if kind == "X25519":
            return key
    raise ValueError


def _is_curve(kind: Kind, curve: ec.EllipticCurve) -> bool:
    return kind in _CURVES and _CURVES[kind].name == curve.name


def _check_public_numbers(numbers: rsa.RSAPublicNumbers) -> None:
    bits = numbers.n.bit_length()
    if not (numbers.n & 1 and numbers.e & 1 and 1 < numbers.e < numbers.n and bits <= _MOST_BITS):
        raise ValueError
    if numbers.e.bit_length() > _MOST_EXPONENT_BITS:
        raise ValueError


def _check_private_numbers(numbers: rsa.RSAPrivateNumbers) -> None:
    """See that the parts belong together; whether the factors are prime is their owner's business."""
    public, p, q, d = numbers.public_numbers, numbers.p, numbers.q, numbers.d
    _check_public_numbers(public)
    if not (
        p > 1
        and q > 1
        and p & q & 1
        and p * q == public.n
        and 1 < d < public.n
        and numbers.dmp1 == d % (p - 1)
        and numbers.dmq1 == d % (q - 1)
        and 0 < numbers.iqmp < p
        and numbers.iqmp * q % p == 1
        and public.e * d % (p - 1) == 1
        and public.e * d % (q - 1) == 1
    ):
        raise ValueError


def spki(key: PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pkcs8(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def written(key: PublicKey | PrivateKey) -> bytes:
    """Return SPKI or PKCS#8."""
    if isinstance(key, PublicKey):
        return spki(key)
    return pkcs8(key)


def exponent(key: rsa.RSAPublicKey | rsa.RSAPrivateKey) -> bytes:
    public = key if isinstance(key, rsa.RSAPublicKey) else key.public_key()
    return _octets(public.public_numbers().e)


# --- raw and JWK: parts in the order of their names in docs/boundary.md ----------------------------------------------------


def from_raw(kind: Kind, data: bytes) -> PublicKey:
    """Read an encoded point of a curve, or 32 bytes."""
    with failing_as("DataError", f"the data are no raw public key for {kind}"):
        match kind:
            case "Ed25519":
                return ed25519.Ed25519PublicKey.from_public_bytes(data)
            case "X25519":
                return x25519.X25519PublicKey.from_public_bytes(data)
            case "RSA":
                raise ValueError
            case curve:
                return ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[curve], data)


def from_jwk(kind: Kind, parts: list[bytes]) -> PublicKey | PrivateKey:
    """Read n, e, (d, p, q, dp, dq, qi), or x, y, (d), or x, (d)."""
    with failing_as("DataError", f"the JWK's parts are no key for {kind}"):
        if kind == "RSA":
            return _rsa_from_jwk(*(int.from_bytes(part, "big") for part in parts))
        if kind in _CURVES:
            return _ec_from_jwk(_CURVES[kind], parts)
        x, *rest = parts
        if not rest:
            return from_raw(kind, x)
        made = ed25519.Ed25519PrivateKey if kind == "Ed25519" else x25519.X25519PrivateKey
        key = made.from_private_bytes(rest[0])
        if key.public_key().public_bytes_raw() != x:
            raise refuse_data("the JWK's x and d do not belong together")
        return key


def _rsa_from_jwk(n: int, e: int, *rest: int) -> rsa.RSAPublicKey | rsa.RSAPrivateKey:
    public = rsa.RSAPublicNumbers(e, n)
    _check_public_numbers(public)
    if not rest:
        return public.public_key()
    d, p, q, dp, dq, qi = rest
    numbers = rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, public)
    _check_private_numbers(numbers)
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def _ec_from_jwk(
    curve: ec.EllipticCurve, parts: list[bytes]
) -> ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey:
    size = (curve.key_size + 7) // 8
    if any(len(part) != size for part in parts):
        raise ValueError
    x, y, *d = (int.from_bytes(part, "big") for part in parts)
    public = ec.EllipticCurvePublicNumbers(x, y, curve)
    return ec.EllipticCurvePrivateNumbers(d[0], public).private_key() if d else public.public_key()


def to_jwk(key: PublicKey | PrivateKey) -> list[bytes]:
    """Return the parts that :func:`from_jwk` reads."""
    match key:
        case rsa.RSAPublicKey():
            public = key.public_numbers()
            return [_octets(public.n), _octets(public.e)]
        case rsa.RSAPrivateKey():
            private = key.private_numbers()
            values = (private.d, private.p, private.q, private.dmp1, private.dmq1, private.iqmp)
            return [*to_jwk(key.public_key()), *map(_octets, values)]
        case ec.EllipticCurvePublicKey():
            size, point = (key.key_size + 7) // 8, key.public_numbers()
            return [point.x.to_bytes(size, "big"), point.y.to_bytes(size, "big")]
        case ec.EllipticCurvePrivateKey():
            size, secret = (key.key_size + 7) // 8, key.private_numbers().private_value
            return [*to_jwk(key.public_key()), secret.to_bytes(size, "big")]
        case ed25519.Ed25519PublicKey() | x25519.X25519PublicKey():
            return [key.public_bytes_raw()]
        case ed25519.Ed25519PrivateKey() | x25519.X25519PrivateKey():
            return [key.public_key().public_bytes_raw(), key.private_bytes_raw()]


def _octets(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
