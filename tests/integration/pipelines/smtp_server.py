"""A real SMTP server on a port of its own, and what it was sent."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING, Any, Literal

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage
    from pathlib import Path

Security = Literal["none", "starttls", "tls"]


class Received:
    """A mail as it came."""

    def __init__(self, session: Session, envelope: Envelope) -> None:
        assert isinstance(envelope.content, bytes)
        self.sender = envelope.mail_from
        self.recipients = list(envelope.rcpt_tos)
        self.encrypted = session.ssl is not None
        self.user = session.auth_data
        self.raw = envelope.content
        message = message_from_bytes(envelope.content, policy=default)
        self.message: EmailMessage = message


class SmtpServer:
    """Refuses whom a test says, and answers what it says."""

    def __init__(self) -> None:
        self.mails: list[Received] = []
        self.sessions: set[int] = set()
        self.refused: dict[str, str] = {}
        """An answer for each recipient that is refused."""
        self.answers: list[str] = []
        """What the next mails are answered, instead of being taken."""
        self.port = 0

    async def handle_RCPT(
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        self.sessions.add(id(session))
        if self.answers:
            return self.answers.pop(0)
        self.mails.append(Received(session, envelope))
        return "250 OK"


class _Controller(Controller):
    """On a port that is free."""

    def _create_server(self) -> Any:
        listener = socket.create_server((self.hostname, 0))
        self.port = listener.getsockname()[1]
        return self.loop.create_server(self._factory_invoker, sock=listener, ssl=self.ssl_context)


@contextlib.contextmanager
def smtp_server(
    security: Security = "none", folder: Path | None = None, login: str | None = None
) -> Iterator[SmtpServer]:
    """Serve; ``login`` is the ``user:password`` that is asked for, with STARTTLS only, ``folder`` gets ``ca.pem``."""
    handler = SmtpServer()
    context = None
    if security != "none":
        assert folder is not None
        context = make_certificate(folder)
    options: dict[str, Any] = {}
    if security == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    elif security == "tls":
        options |= {"ssl_context": context}
    if login is not None:

        def authenticate(
            server: Any, session: Session, envelope: Envelope, mechanism: str, data: Any
        ) -> AuthResult:
            assert isinstance(data, LoginPassword)
            given = b":".join([data.login, data.password]).decode()
            return AuthResult(success=given == login, handled=False, auth_data=data.login.decode())

        options |= {"authenticator": authenticate, "auth_required": True}
    controller = _Controller(handler, hostname="127.0.0.1", **options)
    controller.start()
    handler.port = controller.port
    try:
        yield handler
    finally:
        controller.stop()


def make_certificate(folder: Path) -> ssl.SSLContext:
    """Write ``ca.pem``, and return what a server shows to those who trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.pem").write_bytes(public)
    (folder / "server.pem").write_bytes(private + public)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context
