"""Mails of whatever events say."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.pipelines.errors import EventError
from runner.pipelines.stages.mail import compose

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOOD = {"from": "a@example.org", "to": "b@example.com", "subject": "s", "text": "t"}
NASTY = st.text(
    st.sampled_from("a@.,;:<>()[]\"\\'=?_ \r\n\t\0é\u2028\ud800%+-/*\x85\x1c") | st.characters()
)
ANY = (
    NASTY
    | st.none()
    | st.integers()
    | st.lists(NASTY, max_size=3)
    | st.builds("{}@example.com".format, NASTY)
    | st.builds("x@{}".format, NASTY)
    | st.builds("=?utf-8?q?{}?= <b@example.com>".format, NASTY)
)


@given(
    st.dictionaries(st.sampled_from([*GOOD, "cc", "bcc", "replyTo", "html"]), ANY).map(
        lambda given: GOOD | given
    ),
    ANY,
    ANY,
)
def test_an_event_makes_one_mail_with_its_own_headers_or_none(
    values: dict[str, Any], header: Any, filename: Any
) -> None:
    """Whatever stands in addresses, subject, headers and names of files: nobody else gets it, nothing else is said."""
    attachments = None if filename is None else [{"filename": filename, "content": "x"}]
    try:
        mail = compose(values | {"attachments": attachments}, {"X-Test": header}, NOW)
    except EventError:
        return
    message = message_from_bytes(mail.data, policy=default)
    names = [name.lower() for name in message]
    assert len(names) == len(set(names))
    known = "from to cc reply-to subject date message-id x-test mime-version content-type content-transfer-encoding"
    assert set(names) <= {*known.split()}
    shown = {
        address.addr_spec
        for name in ("to", "cc")
        if message[name]
        for address in message[name].addresses
    }
    assert shown <= set(mail.recipients)
    assert all(" " not in address and address.isascii() for address in mail.recipients)
    assert all(len(line) <= 998 for line in mail.data.split(b"\r\n"))
    # Servers do not agree on what ends a line, and so a mail, but for this.
    assert mail.data.count(b"\r") == mail.data.count(b"\n") == mail.data.count(b"\r\n")


@pytest.mark.parametrize(
    "address",
    ["b@example.com", " B <b@example.com> ", '"B, C" <b@example.com>', "é <b@EXAMPLE.com>"],
)
def test_an_address_may_have_a_name(address: str) -> None:
    assert [one.lower() for one in compose(GOOD | {"to": address}, {}, NOW).recipients] == [
        "b@example.com"
    ]


@pytest.mark.parametrize("name", ["subject", "X-A", "filename", "to"])
def test_what_looks_encoded_already_is_taken_literally(name: str) -> None:
    """A line's end in it would else come to life where headers are decoded and written again."""
    text = "=?utf-8?q?a=0d=0aBcc:_victim@example.com?="
    values: dict[str, Any] = {**GOOD}
    if name == "filename":
        values["attachments"] = [{"filename": text, "content": ""}]
    elif name != "X-A":
        values[name] = f"{text} <b@example.com>" if name == "to" else text
    mail = compose(values, {"X-A": text if name == "X-A" else None}, NOW)
    message = message_from_bytes(mail.data, policy=default)
    assert message["Bcc"] is None
    assert b"\nBcc" not in mail.data
    if name == "filename":
        [part] = message.iter_attachments()
        assert part.get_filename() == text
    elif name == "to":
        assert message["To"].addresses[0].display_name == text
    else:
        assert message[name] == text
