"""Certificates of a task, read from whatever form they came in, as PEM in memory.

A broken one is found here, in the same words for both transports. Must not know where the bytes come from, nor connections.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

import msgspec

from runner.http_tasks.errors import ExchangeError
from runner.http_tasks.key_cost import password_cost

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from cryptography.x509 import Certificate

_BEGIN: Final = b"-----BEGIN"
_MOST_ITERATIONS: Final = 2_000_000
"""About a second."""
_LARGEST_RSA: Final = 8192


class Identity(msgspec.Struct, frozen=True):
    """Whom to trust, and who we are to the server; PEM, the key unencrypted. Empty: the usual, nobody."""

    ca: bytes = b""
    certificate: bytes = b""
    """The chain, ours first."""
    key: bytes = b""


def read_ca(content: bytes) -> bytes:
    """Return certificates of authorities as PEM.

    Raises
    ------
    ExchangeError
        There is none in it.

    """
    return b"".join(map(_written, _certificates("ca", content)))


def read_identity(
    certificate: bytes, certificate_type: str | None, password: str | None, key: bytes | None
) -> tuple[bytes, bytes]:
    """Return our chain and its key; what says PEM or DER may be either, as the content tells. May take a second, so it is for a thread.

    Raises
    ------
    ExchangeError
        They can not be read, or do not belong together.

    """
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    if password_cost(certificate) + password_cost(key or b"") > _MOST_ITERATIONS:
        raise ExchangeError("to open the key with its password takes too long", "EINVAL")
    chain: list[Certificate]
    private: PrivateKeyTypes
    if certificate_type == "P12":
        chain, private = _from_p12(certificate, password)
        if key is not None:
            private = _key(key, password)
    else:
        chain = _certificates("cert", certificate)
        # As with curl, a file of certificates may have the key, too.
        private = _key(certificate if key is None else key, password)
    if isinstance(private, RSAPrivateKey) and private.key_size > _LARGEST_RSA:
        raise ExchangeError(f"a key of more than {_LARGEST_RSA} bits takes too long", "EINVAL")
    public = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if chain[0].public_key().public_bytes(*public) != private.public_key().public_bytes(*public):
        raise ExchangeError("the key is not that of the certificate", "ERR_TLS_CERT_INVALID")
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return b"".join(map(_written, chain)), pem


def _from_p12(content: bytes, password: str | None) -> tuple[list[Certificate], PrivateKeyTypes]:
    from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

    secret = None if password is None else password.encode()
    with _Reading("cert"):
        store = load_pkcs12(content, secret)
        if store.key is None or store.cert is None:
            raise ValueError
        return [store.cert.certificate, *(one.certificate for one in store.additional_certs)], (
            store.key
        )


def _certificates(option: str, content: bytes) -> list[Certificate]:
    from cryptography import x509

    with _Reading(option):
        if _BEGIN in content:
            return x509.load_pem_x509_certificates(content)
        return [x509.load_der_x509_certificate(content)]


def _key(content: bytes, password: str | None) -> PrivateKeyTypes:
    from cryptography.hazmat.primitives import serialization

    secret = None if password is None else password.encode()
    load: Callable[..., PrivateKeyTypes] = serialization.load_der_private_key
    if _BEGIN in content:
        load = serialization.load_pem_private_key
    with _Reading("key"):
        try:
            return load(content, secret, unsafe_skip_rsa_key_validation=True)
        except TypeError:
            # A password for a key that has none is ignored, as OpenSSL does; a missing one is not.
            return load(content, None, unsafe_skip_rsa_key_validation=True)


def _written(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


class _Reading:
    """Turns whatever the libraries raise into words that name the option."""

    def __init__(self, option: str) -> None:
        self._option = option

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is None:
            return
        if issubclass(kind, ValueError | TypeError | ssl.SSLError) or (
            kind.__name__ == "UnsupportedAlgorithm"
        ):
            words = (
                f"{self._option} can not be read as a certificate or key, or its password is wrong"
            )
            raise ExchangeError(words, "ERR_TLS_CERT_INVALID") from None
