"""A mail: from what a document and its functions say to the bytes that are sent.

Whatever has a line's end or another control character where a header would have it is refused: it might be a header of somebody else's making.
Must not know SMTP.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from email import policy
from email.charset import QP, Charset
from email.encoders import encode_base64
from email.header import Header
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime, formataddr, make_msgid
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import idna
import msgspec

from runner.pipelines.errors import EventError
from runner.pipelines.stages.fields import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from email.message import Message

MAX_RECIPIENTS: Final = 1000
# email's newer policies read headers again when they write them, and would undo what is encoded in an event's text.
_POLICY: Final = policy.compat32.clone(linesep="\r\n")
_ADDRESS: Final = re.compile(r"(?:(?P<name>[^<>]*)<(?P<inner>[^<>]*)>|(?P<bare>[^<>]*))")
_LOCAL: Final = re.compile(
    r"(?=.{1,64}$)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
)
_DOMAIN: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,253}[A-Za-z0-9])?")
_MAX_NAME: Final = 200
_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_TYPE: Final = re.compile(r"([a-z0-9.+-]{1,64})/([a-z0-9.+-]{1,64})", re.IGNORECASE)
_NO_FILES: Final = frozenset({"message", "multipart"})
_OURS: Final = frozenset(
    [
        "bcc",
        "cc",
        "content-disposition",
        "content-id",
        "content-transfer-encoding",
        "content-type",
        "date",
        "from",
        "message-id",
        "mime-version",
        "reply-to",
        "return-path",
        "sender",
        "subject",
        "to",
    ]
)


class Address(NamedTuple):
    name: str
    place: str
    """``local@domain``, in ASCII."""

    def __str__(self) -> str:
        if self.name.isascii() and "=?" not in self.name:
            return formataddr((self.name, self.place))
        return f"{Header(self.name, 'utf-8').encode(maxlinelen=0)} <{self.place}>"


class Attachment(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A file of a mail."""

    filename: str
    content: str
    content_type: str = "application/octet-stream"
    encoding: str = "text"
    """``text``, or ``base64`` for bytes."""

    def data(self) -> bytes:
        if self.encoding == "text":
            return self.content.encode(errors="replace")
        if self.encoding != "base64":
            raise EventError(f"attachments: encoding is text or base64, not {self.encoding!r}")
        try:
            return base64.b64decode(self.content, validate=True)
        except (binascii.Error, ValueError):
            raise EventError(f"attachments: {self.filename!r} is no base64") from None


class Mail(msgspec.Struct, frozen=True):
    """One that is complete."""

    id: str
    sender: str
    recipients: list[str]
    subject: str
    data: bytes


def check_header_name(name: str) -> None:
    """Refuse a header that a mail can not have, or that other settings make.

    Raises
    ------
    ValueError
        With a sentence for whoever wrote the document.

    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"headers: {name!r} is no name of a header")
    if name.lower() in _OURS:
        raise ValueError(f"headers: {name} is not set here: the mail's own settings make it")


def compose(values: Mapping[str, Any], headers: Mapping[str, Any], now: datetime) -> Mail:
    """Return a mail: ``from``, ``to``, ``cc``, ``bcc``, ``replyTo``, ``subject``, ``text``, ``html``, ``attachments``.

    Raises
    ------
    EventError
        They make no mail.

    """
    senders = [*_addresses(values, "from")]
    if len(senders) != 1:
        raise EventError("from must be one address")
    [sender] = senders
    lists = {name: [*_addresses(values, name)] for name in ("to", "cc", "bcc", "replyTo")}
    recipients = {address.place: None for name in ("to", "cc", "bcc") for address in lists[name]}
    if not recipients:
        raise EventError("there is nobody to send it to: to, cc and bcc are empty")
    if len(recipients) > MAX_RECIPIENTS:
        raise EventError(f"there are more than {MAX_RECIPIENTS} recipients")
    subject = header_text("subject", values.get("subject") or "")
    identity = make_msgid(domain=sender.place.rpartition("@")[2])
    message = _body(values)
    message["From"] = str(sender)
    for header, name in (("To", "to"), ("Cc", "cc"), ("Reply-To", "replyTo")):
        if lists[name]:
            message[header] = ", ".join(map(str, lists[name]))
    message["Subject"] = _header("Subject", subject)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = identity
    for name, value in headers.items():
        if value is not None:
            message[name] = _header(name, header_text(f"headers.{name}", value))
    return Mail(identity, sender.place, [*recipients], subject, message.as_bytes(policy=_POLICY))


def header_text(name: str, value: Any) -> str:
    """Return a text that can stand in a header.

    Raises
    ------
    EventError
        It is no text, or has control characters.

    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise EventError(f"{name} must be a text, this is {kind_of(value)}", name="TypeError")
    if any(unicodedata.category(sign) in {"Cc", "Zl", "Zp", "Cs"} for sign in value):
        raise EventError(f"{name} has a line's end or another control character: {value[:60]!r}")
    return value


def _addresses(values: Mapping[str, Any], name: str) -> Iterator[Address]:
    given = values.get(name)
    if given is None:
        return
    for text in given if isinstance(given, list) else [given]:
        yield _address(name, header_text(name, text).strip())


def _address(name: str, text: str) -> Address:
    """Return one address, with or without a name; several are a list in the document, and no text with commas."""
    shown = f"{name}: {text[:80]!r} is no address that mail can be sent to"
    found = _ADDRESS.fullmatch(text)
    place = (found["inner"] if found["bare"] is None else found["bare"]).strip() if found else ""
    local, _, domain = place.rpartition("@")
    try:
        domain = idna.encode(domain, uts46=True).decode()
    except (idna.IDNAError, UnicodeError, IndexError):
        domain = ""
    if found is None or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        raise EventError(shown + ("; several are a list" if "," in text else ""))
    named = (found["name"] or "").strip()
    if len(named) > 1 and named[0] == named[-1] == '"':
        named = re.sub(r"\\(.)", r"\1", named[1:-1])
    if len(named) > _MAX_NAME:
        raise EventError(f"{name}: a name has more than {_MAX_NAME} characters")
    return Address(named, f"{local}@{domain}")


def _header(name: str, text: str) -> Any:
    """Return a text as it stands in a header: as it is, or encoded (types know of texts only)."""
    if text.isascii() and "=?" not in text and max(map(len, text.split(" "))) < _MAX_NAME:
        return text
    return Header(text, "utf-8", header_name=name)


def _body(values: Mapping[str, Any]) -> Message:
    """Return a message without headers of its own."""
    text, html = (_text(values, name) for name in ("text", "html"))
    parts: list[Message] = []
    if text is not None or html is None:
        parts.append(_part(text or "", "plain"))
    if html is not None:
        parts.append(_part(html, "html"))
    body = parts[0] if len(parts) == 1 else MIMEMultipart("alternative", None, parts)
    attached = [_attached(one) for one in _attachments(values.get("attachments"))]
    return MIMEMultipart("mixed", None, [body, *attached]) if attached else body


def _part(text: str, kind: str) -> MIMEText:
    charset = Charset("utf-8")
    charset.body_encoding = QP
    return MIMEText(text, kind, charset)  # type: ignore[arg-type] # it takes one


def _attached(attachment: Attachment) -> MIMEBase:
    kind = _TYPE.fullmatch(attachment.content_type)
    if kind is None or kind[1].lower() in _NO_FILES:
        raise EventError(
            f"attachments: {attachment.content_type[:80]!r} is no contentType of files"
        )
    part = MIMEBase(kind[1], kind[2])
    part.set_payload(attachment.data())
    encode_base64(part)
    name = header_text("attachments: filename", attachment.filename)
    if not name or len(name) > _MAX_NAME:
        raise EventError(f"attachments: filename has 1 to {_MAX_NAME} characters")
    part.add_header("Content-Disposition", "attachment", filename=("utf-8", "", name))
    return part


def _text(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise EventError(f"{name} must be a text, this is {kind_of(value)}", name="TypeError")
    return value.encode(errors="replace").decode()


def _attachments(given: Any) -> Sequence[Attachment]:
    if given is None:
        return ()
    try:
        return msgspec.convert(given, list[Attachment], from_attributes=True)
    except msgspec.ValidationError as error:
        raise EventError(f"attachments: {error}", name="TypeError") from error
