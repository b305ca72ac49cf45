"""The fetch op over TLS: servers whose certificates are good, and those whose certificates are not, each told by its fault."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from runner.ops import connections
from tests.unit.runner.fetch_upstream import client, whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_DAY = timedelta(days=1)


class Authority:
    """Signs certificates, its own first of all."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._certificate = self._sign(
            self._name, self._key, [(x509.BasicConstraints(ca=True, path_length=None), True)]
        )

    @property
    def pem(self) -> str:
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        extensions: list[tuple[x509.ExtensionType, bool]],
        days: tuple[int, int] = (-9, 9),
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) + days[0] * _DAY)
            .not_valid_after(datetime.now(UTC) + days[1] * _DAY)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self._key, hashes.SHA256())

    def serve(
        self, folder: Path, host: str = "localhost", days: tuple[int, int] = (-9, 9)
    ) -> ssl.SSLContext:
        """Return what a server of ``host`` needs; its certificate is good between two days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.SubjectAlternativeName([name]), False)
        ]
        return _context(folder, key, self._sign(x509.Name([]), key, extensions, days))

    def serve_itself(self, folder: Path) -> ssl.SSLContext:
        """Return what a server needs that shows the authority's own certificate."""
        return _context(folder, self._key, self._certificate)


def _context(
    folder: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate
) -> ssl.SSLContext:
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "server.pem"
    file.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.fixture(scope="module")
def trusted() -> Authority:
    return Authority("somebody whom we trust")


@pytest.fixture(autouse=True)
def _trust(trusted: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the runner trust one authority more."""
    make = connections.tls_context

    def with_ours() -> ssl.SSLContext:
        context = make()
        context.load_verify_locations(cadata=trusted.pem)
        return context

    monkeypatch.setattr(connections, "tls_context", with_ours)


@asynccontextmanager
async def serving(context: ssl.SSLContext) -> AsyncIterator[tuple[int, list[str]]]:
    """Answer requests; what is given is the port, and what the server notes: one word for each connection."""
    noted: list[str] = []
    writers: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        noted.append(writer.get_extra_info("ssl_object").selected_alpn_protocol() or "none")
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(whole(b"over TLS"))

    context.set_alpn_protocols(["h2", "http/1.1"])
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], noted
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_server_with_a_good_certificate_is_asked_over_one_connection(
    trusted: Authority, tmp_path: Path, host: str
) -> None:
    """HTTP/1.1 is what is spoken, though the server would rather have HTTP/2."""
    async with serving(trusted.serve(tmp_path, host)) as (port, noted), client() as js:
        for _ in range(3):
            _, body = await js.fetch(f"https://{host}:{port}/")
            assert body == b"over TLS"
        assert noted == ["http/1.1"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("of nobody we trust", "unable to get local issuer certificate"),
        ("its own", "self-signed certificate"),
        ("expired", "certificate has expired"),
        ("early", "certificate is not yet valid"),
        ("another host's", "Hostname mismatch, certificate is not valid for 'localhost'"),
        ("an address's", "Hostname mismatch, certificate is not valid for 'localhost'"),
    ],
)
async def test_a_certificate_that_is_not_good_is_told_by_its_fault(
    trusted: Authority, tmp_path: Path, fault: str, words: str
) -> None:
    """The error has a code, says what is wrong, and nothing of what was to be sent."""
    context = {
        "of nobody we trust": lambda: Authority("somebody else").serve(tmp_path),
        "its own": lambda: Authority("localhost").serve_itself(tmp_path),
        "expired": lambda: trusted.serve(tmp_path, days=(-9, -1)),
        "early": lambda: trusted.serve(tmp_path, days=(1, 9)),
        "another host's": lambda: trusted.serve(tmp_path, "other.example"),
        "an address's": lambda: trusted.serve(tmp_path, "127.0.0.1"),
    }[fault]()
    async with serving(context) as (port, noted), client() as js:
        number = js.send(f"https://localhost:{port}/?token=secret")
        record, _ = await js.next()
        assert record[:2] == ["reject", number]
        error = record[2]
        assert (error["name"], error["code"]) == ("TypeError", "ERR_TLS_CERT_INVALID")
        why = f"fetch failed: the server has no valid certificate ({words}"
        assert error["message"].startswith(why)
        assert "secret" not in error["message"]
        assert noted == []


async def test_a_server_without_a_version_of_tls_in_common_is_told(
    trusted: Authority, tmp_path: Path
) -> None:
    context = trusted.serve(tmp_path)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-SHA")
    async with serving(context) as (port, _), client() as js:
        failure = await js.failure(f"https://localhost:{port}/")
        assert failure == "the server does not speak TLS as it should"
