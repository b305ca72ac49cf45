"""Whether what a task names as certificate or key is one, and what an upload is. Must not know files, nor tasks.

An upload is ``{"value": base64}``, at most 24 KiB, in PEM, DER or PKCS #12; it is kept sealed with its owner, and named ``upload:ID`` in
``ca``, ``cert.value`` and ``key``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from runner.tasks_server.checking import CheckError, Text
from runner.tasks_server.compound import Shape
from runner.tasks_server.words import BASE64, decoded

if TYPE_CHECKING:
    from collections.abc import Callable

_PEM: Final = b"-----BEGIN "
_PRIVATE: Final = b"PRIVATE KEY"
_PKCS12: Final = b"\x02\x01\x03"
"""The version with which the outermost sequence of a PKCS #12 file begins."""

Holds = Literal["certificate", "key", "both", "pkcs12"]

UPLOAD: Final = Shape({"value": BASE64, "name": Text(1, 64)}, ("value",))


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A checked one. ``content`` is secret unless it holds only certificates."""

    content: bytes
    holds: Holds
    name: str | None = None
    """For people."""


def check_upload(asked: object) -> Upload:
    """Return what a body says.

    Raises
    ------
    CheckError
        It is no upload, or nothing that a task can use.

    """
    checked = UPLOAD.check(asked)
    content = decoded(checked["value"])
    holds = _held(content)
    if holds is None:
        message = "Neither a certificate nor a private key in PEM, DER or P12"
        raise CheckError(inside={"value": CheckError(message)})
    return Upload(content=content, holds=holds, name=checked.get("name"))


def is_certificate(content: bytes, form: str) -> bool:
    """``form`` as in ``certType``; what is said to be PEM or DER may be either."""
    if form == "P12":
        return _is_pkcs12(content)
    from cryptography import x509

    if _PEM in content:
        return _succeeds(lambda: x509.load_pem_x509_certificates(content))
    return _succeeds(lambda: x509.load_der_x509_certificate(content))


def has_key(content: bytes, form: str) -> bool:
    """Whether a certificate's file may have its key, too."""
    return form == "P12" or _PRIVATE in content


def is_key(content: bytes) -> bool:
    """Whether it is a private key in PEM or DER. Of one with a password only the frame is seen: to open it may take any time its maker likes."""
    from cryptography.hazmat.primitives import serialization

    load = (
        serialization.load_pem_private_key
        if _PEM in content
        else serialization.load_der_private_key
    )
    try:
        return _succeeds(lambda: load(content, password=None, unsafe_skip_rsa_key_validation=True))
    except TypeError:  # it has a password
        return True


def _held(content: bytes) -> Holds | None:
    if _is_pkcs12(content):
        return "pkcs12"
    certificate = is_certificate(content, "PEM")
    key = is_key(content)
    if certificate and key:
        return "both"
    if certificate:
        return "certificate"
    return "key" if key else None


def _is_pkcs12(content: bytes) -> bool:
    """Whether the frame is one; what is inside needs its password, and any time its maker likes."""
    if len(content) < 8 or content[0] != 0x30:
        return False
    length, start = content[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(content[2:start])
    return len(content) == start + length and content[start : start + 3] == _PKCS12


def _succeeds(load: Callable[[], object]) -> bool:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        load()
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True
