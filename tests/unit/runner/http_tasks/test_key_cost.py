"""How much work a password is: found in what libraries write, wherever it stands."""

from __future__ import annotations

import base64
import random

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from runner.http_tasks.key_cost import password_cost

KEY = ec.generate_private_key(ec.SECP256R1())
PKCS8 = serialization.PrivateFormat.PKCS8


@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_the_rounds_of_a_key_are_found(encoding: serialization.Encoding) -> None:
    """In PEM and DER."""
    sealing = serialization.BestAvailableEncryption(b"x")
    cost = password_cost(KEY.private_bytes(encoding, PKCS8, sealing))
    assert 1000 <= cost <= 1_000_000


def test_those_of_a_container_are_added_up() -> None:
    """Of the key and of what makes sure that nobody has changed it."""
    sealing = (
        serialization.PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(77_777)
        .hmac_hash(hashes.SHA256())
        .build(b"x")
    )
    content = pkcs12.serialize_key_and_certificates(b"one", KEY, None, None, sealing)
    assert 77_777 <= password_cost(content) <= 3 * 77_777


def test_what_has_no_password_costs_nothing() -> None:
    plain = serialization.NoEncryption()
    for key in (KEY, rsa.generate_private_key(65537, 2048)):
        assert password_cost(key.private_bytes(serialization.Encoding.DER, PKCS8, plain)) == 0
    assert password_cost(b"") == password_cost(b"0") == password_cost(b"-----BEGIN X-----\n") == 0


def test_scrypt_costs_what_its_numbers_make_together() -> None:
    """N, r and p, as RFC 7914 has them."""
    parameters = b"\x04\x01s\x02\x03\x01\x00\x00\x02\x01\x08\x02\x01\x02"
    assert password_cost(b"\x30" + bytes([len(parameters)]) + parameters) == 65536 * 8 * 2


def test_a_content_without_a_length_hides_nothing() -> None:
    """BER lets its end be marked instead, and octets be in pieces."""
    rounds = b"\x30\x0b\x04\x03abc\x02\x04\x7f\xff\xff\xff"
    for hidden in (b"\x30\x80" + rounds + b"\0\0", b"\x24\x80\x04\x0d" + rounds):
        assert password_cost(hidden) >= 0x7FFFFFFF
    pem = b"-----BEGIN X-----\nProc-Type: 4\n\n" + base64.encodebytes(rounds) + b"-----END X-----"
    assert password_cost(pem) == 0x7FFFFFFF


def test_noise_is_read_to_its_end() -> None:
    """Any bytes at all, in no time."""
    chance = random.Random(7)
    for _ in range(500):
        assert password_cost(chance.randbytes(300)) >= 0
    assert password_cost(b"\x30\x80" * 10_000) == 0
