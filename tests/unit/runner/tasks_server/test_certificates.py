"""What a task may name as certificate and key, and where it is looked for."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from runner.http_tasks.certificate_files import CertificateFiles
from runner.tasks_server.errors import Refused
from runner.tasks_server.parameters import read_upload
from tests.unit.runner.tasks_server.asking import NO_FILES, asked, messages, refusal

if TYPE_CHECKING:
    from pathlib import Path


class Made(NamedTuple):
    pem: bytes
    der: bytes
    key: bytes
    key_der: bytes
    locked: bytes
    """The key, with a password."""
    p12: bytes


@pytest.fixture(scope="module")
def made() -> Made:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    locked = BestAvailableEncryption(b"pw")
    return Made(
        certificate.public_bytes(Encoding.PEM),
        certificate.public_bytes(Encoding.DER),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked),
        pkcs12.serialize_key_and_certificates(b"n", key, certificate, None, locked),
    )


def text(content: bytes) -> str:
    return b64encode(content).decode()


@pytest.mark.parametrize("form", ["pem", "der"])
def test_authorities_come_as_base64_of_pem_or_der(made: Made, form: str) -> None:
    content = getattr(made, form)
    assert refusal(asked("config", "ca", text(content))) is None
    assert refusal(asked("config", "ca", f" {text(content)} ")) is None


def test_several_certificates_may_be_in_one_file(made: Made) -> None:
    assert refusal(asked("config", "ca", text(made.pem + b"\n" + made.pem))) is None


@pytest.mark.parametrize("key", ["key", "key_der", "locked"])
def test_a_certificate_comes_with_its_key(made: Made, key: str) -> None:
    body = asked("config", "cert", {"value": text(made.pem)}, key=text(getattr(made, key)))
    assert refusal(body) is None
    body["config"].update(certType="der", keyType="der")
    assert refusal(body) is None


def test_a_certificates_file_may_have_the_key_too(made: Made) -> None:
    assert refusal(asked("config", "cert", {"value": text(made.pem + made.key)})) is None


def test_a_certificate_without_a_key_is_refused(made: Made) -> None:
    tree = refusal(asked("config", "cert", {"value": text(made.pem)}))
    assert messages(tree, "config", "key") == ["Required"]


def test_a_p12_file_has_both(made: Made) -> None:
    cert = {"value": text(made.p12), "password": "pw"}
    assert refusal(asked("config", "cert", cert, certType="P12")) is None


@pytest.mark.parametrize(
    ("config", "path", "expected"),
    [
        ({"ca": b"no certificate"}, ("ca",), "CA is no certificate in PEM or DER"),
        ({"ca": b"-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n"}, ("ca",), "CA is no certificate in PEM or DER"),
        ({"cert": {"value": b"xx"}}, ("cert", "value"), "Cert is no certificate in PEM or DER"),
        ({"cert": {"value": b"0\x03\x02\x01\x03x"}, "certType": "P12"}, ("cert", "value"), "Cert is no certificate in P12"),
        ({"key": b"xx"}, ("key",), "Key is no private key in PEM or DER"),
        ({"key": b"-----BEGIN PRIVATE KEY-----\nxx\n-----END PRIVATE KEY-----\n"}, ("key",), "Key is no private key in PEM or DER"),
    ],
)  # fmt: skip
def test_a_broken_certificate_is_refused_by_name(
    config: dict[str, Any], path: tuple[str, ...], expected: str
) -> None:
    body = asked()
    body["config"] = {
        name: {"value": text(value["value"])} if isinstance(value, dict) else value if isinstance(value, str) else text(value)
        for name, value in config.items()
    }  # fmt: skip
    assert messages(refusal(body), "config", *path) == [expected]


def test_a_path_leads_below_the_folder(made: Made, tmp_path: Path) -> None:
    folder = tmp_path / "certificates"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "ca.crt").write_bytes(made.pem)
    files = CertificateFiles(folder)
    assert refusal(asked("config", "ca", "sub/ca.crt"), files) is None
    assert refusal(asked("config", "ca", str(folder / "sub" / "ca.crt")), files) is None


@pytest.mark.parametrize(
    "value",
    ["../outside.crt", "sub/../../outside.crt", "{}/outside.crt", "link.crt", "folder", "none.crt", "large.crt", "a\0b", "x-" * 200, "."],
)  # fmt: skip
def test_no_path_leads_out_of_it(made: Made, tmp_path: Path, value: str) -> None:
    (tmp_path / "outside.crt").write_bytes(made.pem)
    folder = tmp_path / "certificates"
    (folder / "folder").mkdir(parents=True)
    (folder / "sub").mkdir()
    (folder / "link.crt").symlink_to(tmp_path / "outside.crt")
    (folder / "large.crt").write_bytes(made.pem * 200)
    tree = refusal(asked("config", "ca", value.format(tmp_path)), CertificateFiles(folder))
    assert messages(tree, "config", "ca") == ["CA file does not exist"]


def test_an_upload_is_named_by_its_id(made: Made) -> None:
    files = CertificateFiles(uploads={"AB12": made.pem})
    assert refusal(asked("config", "ca", "upload:AB12"), files) is None
    assert messages(refusal(asked("config", "ca", "upload:AB12"), NO_FILES), "config", "ca") == [
        "CA file does not exist"
    ]


def test_an_upload_is_known_by_what_is_in_it(made: Made) -> None:
    def holds(content: bytes) -> str:
        body = {"value": text(content), "name": "n"}
        upload = read_upload(msgspec.json.encode(body))
        assert (upload.content, upload.name) == (content, "n")
        return upload.holds

    assert holds(made.pem) == holds(made.der) == "certificate"
    assert holds(made.key) == holds(made.key_der) == holds(made.locked) == "key"
    assert holds(made.pem + made.key) == "both"
    assert holds(made.p12) == "pkcs12"


@pytest.mark.parametrize(
    ("body", "path", "expected"),
    [
        ({"value": text(b"x")}, ("value",), "Neither a certificate nor a private key in PEM, DER or P12"),
        ({"value": "?"}, ("value",), "Invalid base64"),
        ({"value": ""}, ("value",), "String must contain at least 1 character(s)"),
        ({}, ("value",), "Required"),
        ({"value": text(b"x"), "x": 1}, (), "Unrecognized key(s) in object: 'x'"),
    ],
)  # fmt: skip
def test_an_upload_of_anything_else_is_refused(
    body: object, path: tuple[str, ...], expected: str
) -> None:
    with pytest.raises(Refused) as caught:
        read_upload(msgspec.json.encode(body))
    assert messages(caught.value.message, *path) == [expected]
