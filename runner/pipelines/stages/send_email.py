"""``send-email``: sends a mail for each event, over SMTP."""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec

from runner.pipelines.errors import EventError, FunctionError, StageStartError
from runner.pipelines.stage import JsFunction, Kind, Stage, StageConfig
from runner.pipelines.stages.mail import Attachment, Mail, check_header_name, compose
from runner.pipelines.stages.paths import check_path, place_of
from runner.pipelines.stages.values import required_text, values_for
from runner.tasks.policy import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiosmtplib import SMTP

    from runner.pipelines.stage import Emit, Event, StageContext

Text = str | JsFunction
Addresses = str | list[str] | JsFunction
Host = Annotated[str, msgspec.Meta(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9._:-]+$")]
_PORTS: Final = {"auto": 587, "starttls": 587, "tls": 465, "none": 25}
_GOODBYE_S: Final = 5.0
_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class SendEmailConfig(StageConfig, frozen=True, kw_only=True, rename="camel"):
    host: Host
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    """587; 465 with ``tls: tls``, 25 with ``tls: none``."""
    tls: Literal["auto", "starttls", "tls", "none"] = "auto"
    """``auto`` is STARTTLS when the server offers it, and always with a username."""
    ca: str | None = None
    """A file with certificates (PEM) that are trusted besides the well-known ones."""
    username: Text | None = None
    password: Text | None = None
    password_file: str | None = None
    """Read at the start; a line's end at its end does not count."""
    sender: Text = msgspec.field(name="from")
    to: Addresses | None = None
    cc: Addresses | None = None
    bcc: Addresses | None = None
    reply_to: Addresses | None = None
    subject: Text = ""
    text: Text | None = None
    html: Text | None = None
    attachments: list[Attachment] | JsFunction | None = None
    headers: dict[str, Text] = msgspec.field(default_factory=dict)
    timeout_seconds: Annotated[float, msgspec.Meta(ge=1, le=600)] = 30.0
    retries: Annotated[int, msgspec.Meta(ge=0, le=20)] = 3
    backoff_seconds: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 1.0
    """Before the first retry; each next one waits twice as long."""
    max_size: Annotated[int, msgspec.Meta(ge=1024, le=1 << 30)] = 25 << 20
    """Bytes of a mail as it is sent."""

    def __post_init__(self) -> None:
        for name in self.headers:
            check_header_name(name)
        for key, path in (("ca", self.ca), ("passwordFile", self.password_file)):
            if path is not None:
                check_path(key, path)
        if self.password is not None and self.password_file is not None:
            raise ValueError("password and passwordFile exclude each other")
        secret = self.password is not None or self.password_file is not None
        if secret != (self.username is not None):
            raise ValueError("username and password (or passwordFile) need each other")
        if secret and self.tls == "none" and self.host not in _HERE:
            raise ValueError("tls: none would send the password for everybody to read")
        if not self.to and not self.cc and not self.bcc:
            raise ValueError("to, cc or bcc must be given")


class SendEmail(Stage[SendEmailConfig]):
    """Emits ``{messageId, from, to, subject, refused}`` for each mail that the server took.

    What may pass (no connection, a 4xx answer) is tried again with the same Message-ID. A batch's mails share a connection.
    """

    Config = SendEmailConfig
    kind = Kind.OUTPUT

    def __init__(self, context: StageContext, config: SendEmailConfig) -> None:
        super().__init__(context, config)
        self._settings = {
            "from": config.sender,
            "to": config.to,
            "cc": config.cc,
            "bcc": config.bcc,
            "replyTo": config.reply_to,
            "subject": config.subject,
            "text": config.text,
            "html": config.html,
            "attachments": config.attachments,
            **{f"headers.{name}": value for name, value in config.headers.items()},
        }
        self._password: Text | None = config.password
        self._trusted: ssl.SSLContext | None = None
        self._client: SMTP | None = None
        self._retry = RetryPolicy(kind="exponential", delay_ms=round(config.backoff_seconds * 1000))

    async def start(self) -> None:
        try:
            await asyncio.to_thread(self._read_files)
        except (ssl.SSLError, UnicodeDecodeError) as error:
            raise StageStartError("ca has no certificates, or passwordFile no text") from error
        except OSError as error:
            raise StageStartError(f"{error.filename}: {error.strerror}") from error

    async def on_events(self, events: Sequence[Event], emit: Emit) -> None:
        try:
            for values in await values_for(self.context, self._settings, events):
                if isinstance(values, FunctionError):
                    self.context.error(values)
                    continue
                try:
                    await self._send(values, emit)
                except Exception as error:  # noqa: BLE001 - an event's failure is data
                    self.context.error(error)
            await self._leave()
        finally:
            self._drop()

    def _read_files(self) -> None:
        config, folder = self.config, self.context.folder
        self._trusted = ssl.create_default_context()
        if config.ca is not None:
            text = place_of(config.ca, folder).read_text(encoding="ascii")
            self._trusted.load_verify_locations(cadata=text)
        if config.password_file is not None:
            text = place_of(config.password_file, folder).read_text(encoding="utf-8")
            self._password = text.rstrip("\r\n")

    async def _send(self, values: dict[str, Any], emit: Emit) -> None:
        headers = {name: values[f"headers.{name}"] for name in self.config.headers}
        mail = compose(values, headers, self.context.clock.now())
        if len(mail.data) > self.config.max_size:
            raise EventError(
                f"the mail has {len(mail.data)} bytes, more than maxSize: {self.config.max_size}"
            )
        refused = await self._deliver(mail)
        self.context.count(bytes_out=len(mail.data))
        for address, reason in refused.items():
            self.context.error(EventError(f"{address} was refused: {reason}", name="SMTPError"))
        taken = [address for address in mail.recipients if address not in refused]
        await emit(
            {
                "messageId": mail.id,
                "from": mail.sender,
                "to": taken,
                "subject": mail.subject,
                "refused": refused,
            }
        )

    async def _deliver(self, mail: Mail) -> dict[str, str]:
        """Return who was refused, and why, if not everybody was."""
        from aiosmtplib import SMTPException

        attempt = 0
        while True:
            attempt += 1
            try:
                client = await self._connected()
                refused, _ = await client.sendmail(mail.sender, mail.recipients, mail.data)
            except (SMTPException, OSError) as error:
                may_pass = _may_pass(error)
                if self._client is not None and not self._client.is_connected:
                    self._drop()
                if may_pass and attempt <= self.config.retries:
                    wait_s = self._retry.delay_s(attempt, random.random)
                    await self.context.clock.wait(self.context.stopping, wait_s)
                    continue
                what = f"the mail {mail.subject[:60]!r} to {', '.join(mail.recipients[:3])} was not sent"
                raise EventError(f"{what}: {_words(error)}", name="SMTPError") from error
            return {address: f"{code} {text}" for address, (code, text) in refused.items()}

    async def _connected(self) -> SMTP:
        if self._client is not None:
            return self._client
        from aiosmtplib import SMTP

        config = self.config
        secured = config.tls == "starttls" or (config.tls == "auto" and config.username is not None)
        host, port = self.context.place(config.host, config.port or _PORTS[config.tls])
        client = SMTP(
            hostname=host,
            port=port,
            username=await self._text("username", config.username),
            password=await self._text("password", self._password),
            timeout=config.timeout_seconds,
            use_tls=config.tls == "tls",
            start_tls={"auto": True if secured else None, "starttls": True}.get(config.tls, False),
            tls_context=self._trusted,
        )
        try:
            await client.connect()
        except BaseException:
            client.close()
            raise
        self._client = client
        return client

    async def _text(self, name: str, value: Text | None) -> str | None:
        if isinstance(value, JsFunction):
            return required_text({name: await self.context.call(value)}, name)
        return value

    async def _leave(self) -> None:
        from aiosmtplib import SMTPException

        if self._client is not None:
            with contextlib.suppress(SMTPException, OSError):
                await self._client.quit(timeout=_GOODBYE_S)

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def _may_pass(error: Exception) -> bool:
    """Tell whether the same mail may be taken later."""
    import aiosmtplib

    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(400 <= one.code < 500 for one in error.recipients)
    if isinstance(error, aiosmtplib.SMTPResponseException) and error.code > 0:
        return 400 <= error.code < 500
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return False
        cause = cause.__cause__ or cause.__context__
    return not isinstance(error, aiosmtplib.SMTPNotSupported)


def _words(error: Exception) -> str:
    import aiosmtplib

    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return "; ".join(
            f"{one.recipient}: {one.code} {one.message}" for one in error.recipients[:3]
        )
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {error.message}"
    return str(error) or type(error).__name__
