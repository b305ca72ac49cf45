"""TLS as a task wants it: whom it trusts, who it is to the server, and what it does not take."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)

from runner.http_tasks.model import Certificate
from runner.tasks.task import Completed
from tests.integration.http_tasks.site import Reply, open_site

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.http_tasks.conftest import Sender
    from tests.integration.http_tasks.site import Authority, Key

UNTRUSTED = b"NetworkError: the server has no valid certificate"


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


async def test_a_servers_certificate_has_to_be_valid(sender: Sender, authority: Authority) -> None:
    """Signed by whom the task trusts, for the host that was asked, and of today; unless it says that anything goes."""
    ca = text(authority.certificate)
    sound, other, old = (
        authority.context(),
        authority.context("one.example"),
        authority.context(expired=True),
    )
    for context, config, trusted in (
        (sound, {"ca": ca}, True),
        (sound, {}, False),
        (sound, {"insecure": True}, True),
        (other, {"ca": ca}, False),
        (old, {"ca": ca}, False),
        (old, {"insecure": True}, True),
    ):
        async with open_site(Reply(), context) as site:
            end = await sender.send(site.url(), **config)
        assert isinstance(end.outcome, Completed) == trusted
        assert trusted or (end.status == 500 and (end.body or b"").startswith(UNTRUSTED))


def forms(key: Key) -> dict[str, dict[str, str | Certificate]]:
    """Return what tasks may say of one certificate."""
    certificate = x509.load_pem_x509_certificate(key.certificate)
    private = load_pem_private_key(key.key, None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    sealed = private.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    p12 = pkcs12.serialize_key_and_certificates(
        b"one", private, certificate, None, BestAvailableEncryption(b"secret")
    )
    der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return {
        "PEM": {"cert": Certificate(value=text(key.certificate)), "key": text(key.key)},
        "one file": {"cert": Certificate(value=text(key.key + key.certificate))},
        "password": {
            "cert": Certificate(value=text(key.certificate), password="secret"),
            "key": text(sealed),
        },
        "DER": {
            "cert": Certificate(value=text(certificate.public_bytes(Encoding.DER))),
            "cert_type": "DER",
            "key": text(der),
            "key_type": "DER",
        },
        "P12": {"cert": Certificate(value=text(p12), password="secret"), "cert_type": "P12"},
        "folder": {"cert": Certificate(value="sub/mine.pem"), "key": "mine.key"},
        "uploads": {"cert": Certificate(value="upload:C"), "key": "upload:K"},
    }


FORMS = ("PEM", "one file", "password", "DER", "P12", "folder", "uploads")


@pytest.mark.parametrize("form", FORMS)
async def test_a_task_shows_its_certificate(
    sender: Sender, authority: Authority, tmp_path: Path, form: str
) -> None:
    """Mutual TLS, in whatever form the certificate came, and wherever it is kept."""
    mine = authority.sign("client.example")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "mine.pem").write_bytes(mine.certificate)
    (tmp_path / "mine.key").write_bytes(mine.key)
    sender.uploads = {"C": mine.certificate, "K": mine.key}
    async with open_site(Reply(), authority.context(mutual=True)) as site:
        ca = text(authority.certificate)
        without = await sender.send(site.url(), ca=ca)
        shown = await sender.send(site.url(), ca=ca, **forms(mine)[form])  # type: ignore[arg-type]
    assert (without.status, shown.status) == (500, 200)
    (asked,) = site.asked
    assert asked.client is not None
    assert asked.client["subject"] == ((("commonName", "client.example"),),)


async def test_connections_are_those_of_one_certificate(
    sender: Sender, authority: Authority
) -> None:
    """Who shows another one does not go over a connection on which somebody else was shown."""
    one, two = authority.sign("one.example"), authority.sign("two.example")
    async with open_site(Reply(), authority.context(mutual=True)) as site:
        for key in (one, two, one):
            given = forms(key)["PEM"]
            await sender.send(site.url(), ca=text(authority.certificate), **given)  # type: ignore[arg-type]
    names = [asked.client["subject"][0][0][1] for asked in site.asked if asked.client]  # type: ignore[index]
    assert names == ["one.example", "two.example", "one.example"]
    assert site.connections == 2


def slow(key: Key) -> bytes:
    """Return a container that says that its password takes eight million rounds."""
    private = load_pem_private_key(key.key, None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    sealing = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(100_003).build(b"secret")
    content = pkcs12.serialize_key_and_certificates(
        b"one", private, x509.load_pem_x509_certificate(key.certificate), None, sealing
    )
    rounds, many = b"\x02\x03" + (100_003).to_bytes(3), b"\x02\x03" + (0x7FFFFF).to_bytes(3)
    assert rounds in content
    return content.replace(rounds, many)


def large() -> bytes:
    """Return an RSA key with a modulus of 16,000 bits, of numbers that are none."""
    modulus = (1 << 16_000) - 1
    numbers = rsa.RSAPrivateNumbers(
        p=(1 << 8000) - 1, q=(1 << 8000) + 1, d=65537, dmp1=3, dmq1=3, iqmp=3,
        public_numbers=rsa.RSAPublicNumbers(65537, modulus),
    )  # fmt: skip
    private = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    "option", ["ca", "cert", "key", "pair", "folder", "upload", "password", "slow", "large"]
)
async def test_a_broken_certificate_is_an_error(
    sender: Sender, authority: Authority, option: str
) -> None:
    """In words that name the option; nothing is sent."""
    mine, other = authority.sign("a.example"), authority.sign("b.example")
    sound = {"cert": Certificate(value=text(mine.certificate)), "key": text(mine.key)}
    broken = text(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    sealed = {**forms(mine)["P12"], "cert": Certificate(value=forms(mine)["P12"]["cert"].value, password="no")}  # type: ignore[union-attr]  # fmt: skip
    configs: dict[str, tuple[dict[str, object], bytes]] = {
        "ca": ({"ca": broken}, b"ca can not be read"),
        "cert": ({**sound, "cert": Certificate(value=broken)}, b"cert can not be read"),
        "key": ({**sound, "key": broken}, b"key can not be read"),
        "pair": ({**sound, "key": text(other.key)}, b"the key is not that of the certificate"),
        "folder": ({"ca": "../../etc/ssl/cert.pem"}, b"ca: there is no such"),
        "upload": ({"ca": "upload:none"}, b"ca: there is no such"),
        "password": (dict(sealed), b"its password is wrong"),
        "slow": (
            {"cert": Certificate(value=text(slow(mine)), password="secret"), "cert_type": "P12"},
            b"takes too long",
        ),
        "large": (
            {"cert": Certificate(value=text(mine.certificate)), "key": text(large())},
            b"takes too long",
        ),
    }
    config, words = configs[option]
    async with open_site(Reply(), authority.context()) as site:
        end = await sender.send(site.url(), **config)  # type: ignore[arg-type]
    assert (end.status, site.asked) == (500, [])
    assert words in (end.body or b"")


async def test_a_version_of_tls_may_be_asked_for(sender: Sender, authority: Authority) -> None:
    """The least and the most."""
    import ssl

    context = authority.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    ca = text(authority.certificate)
    async with open_site(Reply(), context) as site:
        assert (await sender.send(site.url(), ca=ca, tls_max_version="1.2")).status == 200
        assert (await sender.send(site.url(), ca=ca, tls_version="1.3")).status == 500
