"""A server that answers what a test wants and remembers what it was asked, an authority that signs its certificates, and a proxy."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import h11
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

PEM = serialization.Encoding.PEM


class Asked(NamedTuple):
    """A request as it came. Header names are in small letters."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    client: dict[str, object] | None = None
    """The client's certificate, as ``ssl`` gives it."""


class Reply(NamedTuple):
    """What is answered."""

    status: int = 200
    body: bytes = b"ok"
    headers: tuple[tuple[str, str], ...] = ()


class Site:
    """``answer(asked, writer)`` makes the reply; None: it has written itself."""

    def __init__(
        self, answer: Callable[[Asked, asyncio.StreamWriter], Awaitable[Reply | None]]
    ) -> None:
        self._answer = answer
        self.asked: list[Asked] = []
        self.connections = 0
        self.left = asyncio.Event()
        """A client has gone."""
        self.port = 0
        self.scheme = "http"

    def url(self, path: str = "/a", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, h11.RemoteProtocolError, asyncio.CancelledError):
            await self._talk(reader, writer)
        self.left.set()
        writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        protocol = h11.Connection(h11.SERVER)
        while (asked := await _read(protocol, reader, writer)) is not None:
            self.asked.append(asked)
            reply = await self._answer(asked, writer)
            if reply is None:
                await reader.read()
                return
            headers = [*reply.headers, ("content-length", str(len(reply.body)))]
            head = h11.Response(status_code=reply.status, headers=headers)
            writer.write(protocol.send(head) or b"")
            writer.write(protocol.send(h11.Data(data=reply.body)) or b"")
            writer.write(protocol.send(h11.EndOfMessage()) or b"")
            await writer.drain()
            if protocol.our_state is not h11.DONE:
                return
            protocol.start_next_cycle()


async def _read(
    protocol: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Asked | None:
    head: h11.Request | None = None
    body = b""
    while True:
        event = protocol.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(65536)
            if not data and head is None:
                return None
            protocol.receive_data(data)
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            headers = {name.decode(): value.decode() for name, value in head.headers}
            tls = writer.get_extra_info("ssl_object")
            client = None if tls is None else tls.getpeercert()
            return Asked(head.method.decode(), head.target.decode(), headers, body, client)
        else:
            return None


@asynccontextmanager
async def open_site(
    answer: Reply | Callable[[Asked, asyncio.StreamWriter], Awaitable[Reply | None]],
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
) -> AsyncIterator[Site]:
    """Serve; a :class:`Reply` is what everybody gets."""

    async def always(asked: Asked, writer: asyncio.StreamWriter) -> Reply:
        assert isinstance(answer, Reply)
        return answer

    site = Site(always if isinstance(answer, Reply) else answer)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(site.serve(reader, writer)))

    server = await asyncio.start_server(accept, host, 0, ssl=tls)
    site.port = server.sockets[0].getsockname()[1]
    site.scheme = "http" if tls is None else "https"
    try:
        yield site
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Key(NamedTuple):
    """A certificate and its key, PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """Signs certificates."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        builder = _certificate(self._name, self._name, self._key.public_key())
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        usage = x509.KeyUsage(
            digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = builder.add_extension(constraints, critical=True)
        builder = builder.add_extension(usage, critical=True)
        signed = builder.sign(self._key, hashes.SHA256())
        self.certificate = signed.public_bytes(PEM)

    def sign(self, name: str, *, expired: bool = False) -> Key:
        """Return a certificate for a host, which may be an address."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _certificate(subject, self._name, key.public_key(), expired=expired)
        shown: x509.GeneralName = x509.DNSName(name)
        with suppress(ValueError):
            shown = x509.IPAddress(ip_address(name))
        builder = builder.add_extension(x509.SubjectAlternativeName([shown]), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        pem = key.private_bytes(
            PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return Key(certificate.public_bytes(PEM), pem)

    def context(
        self, name: str = "127.0.0.1", *, expired: bool = False, mutual: bool = False
    ) -> ssl.SSLContext:
        """Return the TLS of a server; ``mutual``: it wants a certificate of this authority's, too."""
        signed = self.sign(name, expired=expired)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with TemporaryDirectory() as folder:
            file = Path(folder) / "pem"
            file.write_bytes(signed.key + signed.certificate)
            context.load_cert_chain(file)
        if mutual:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=self.certificate.decode())
        return context


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, expired: bool = False
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    until = now - timedelta(days=1) if expired else now + timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(until)
    )


class Proxy:
    """Connects whom it is asked to, or passes requests on. ``asked`` are its heads, line by line."""

    def __init__(self, lead_to: int) -> None:
        self._lead_to = lead_to
        self.asked: list[list[str]] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                head = await reader.readuntil(b"\r\n\r\n")
                self.asked.append(head.decode().rstrip().split("\r\n"))
                behind = await asyncio.open_connection("127.0.0.1", self._lead_to)
                if head.startswith(b"CONNECT "):
                    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    behind[1].write(head)
                await asyncio.gather(_pass(reader, behind[1]), _pass(behind[0], writer))
        finally:
            writer.close()
            if behind is not None:
                behind[1].close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def open_proxy(lead_to: int, tls: ssl.SSLContext | None = None) -> AsyncIterator[Proxy]:
    """Serve a proxy that leads everybody to one port of this machine."""
    proxy = Proxy(lead_to)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(proxy.serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
