"""A mail: from what a document and its functions say to the bytes that are sent.

Whatever has a line's end or another control character where a header would have it is refused: it might be a header of somebody else's making.
Must not know SMTP.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import TYPE_CHECKING, Any, Final

import idna
import msgspec

from runner.pipelines.errors import EventError
from runner.pipelines.stages.fields import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

MAX_RECIPIENTS: Final = 1000
_POLICY: Final = SMTP.clone(cte_type="7bit")
_LOCAL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}")
_DOMAIN: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,253}[A-Za-z0-9])?")
_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_TYPE: Final = re.compile(r"([a-z0-9.+-]{1,64})/([a-z0-9.+-]{1,64})", re.IGNORECASE)
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
    message = EmailMessage(_POLICY)
    senders = [*_addresses(values, "from")]
    if len(senders) != 1:
        raise EventError("from must be one address")
    lists = {name: [*_addresses(values, name)] for name in ("to", "cc", "bcc", "replyTo")}
    recipients = {
        address.addr_spec: None for name in ("to", "cc", "bcc") for address in lists[name]
    }
    if not recipients:
        raise EventError("there is nobody to send it to: to, cc and bcc are empty")
    if len(recipients) > MAX_RECIPIENTS:
        raise EventError(f"there are more than {MAX_RECIPIENTS} recipients")
    message["From"] = senders
    for header, name in (("To", "to"), ("Cc", "cc"), ("Reply-To", "replyTo")):
        if lists[name]:
            message[header] = lists[name]
    subject = header_text("subject", values.get("subject") or "")
    message["Subject"] = subject
    message["Date"] = format_datetime(now)
    identity = make_msgid(domain=senders[0].domain)
    message["Message-ID"] = identity
    for name, value in headers.items():
        if value is not None:
            message[name] = header_text(f"headers.{name}", value)
    _fill(message, values)
    data = message.as_bytes()
    return Mail(identity, senders[0].addr_spec, [*recipients], subject, data)


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
    """Return one address, with or without a display name; several are a list in the document, and no text with commas."""
    message = EmailMessage(_POLICY)
    message["To"] = text
    found = message["To"]
    if found.defects or len(found.addresses) != 1 or found.groups[0].display_name is not None:
        hint = "; several are a list" if "," in text else ""
        raise EventError(f"{name}: {text[:80]!r} is no address{hint}")
    address: Address = found.addresses[0]
    try:
        domain = idna.encode(address.domain, uts46=True).decode()
    except idna.IDNAError:
        domain = ""
    if not _LOCAL.fullmatch(address.username) or not _DOMAIN.fullmatch(domain):
        raise EventError(f"{name}: {text[:80]!r} is no address that mail can be sent to")
    return Address(address.display_name, address.username, domain)


def _fill(message: EmailMessage, values: Mapping[str, Any]) -> None:
    text, html = (_body(values, name) for name in ("text", "html"))
    if html is None or text is not None:
        message.set_content(text or "")
        if html is not None:
            message.add_alternative(html, subtype="html")
    else:
        message.set_content(html, subtype="html")
    for attachment in _attachments(values.get("attachments")):
        kind = _TYPE.fullmatch(attachment.content_type)
        if kind is None:
            raise EventError(f"attachments: {attachment.content_type[:80]!r} is no contentType")
        message.add_attachment(
            attachment.data(),
            maintype=kind[1],
            subtype=kind[2],
            filename=header_text("attachments: filename", attachment.filename),
        )


def _body(values: Mapping[str, Any], name: str) -> str | None:
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
