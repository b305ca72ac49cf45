"""Mails over a real SMTP server."""

from __future__ import annotations

import base64
import socket
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from runner.pipelines.errors import StageStartError
from runner.pipelines.stages.send_email import SendEmail
from tests.integration.pipelines.smtp_server import SmtpServer, smtp_server
from tests.unit.runner.pipelines.stages.stage_bench import Bench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with smtp_server() as server:
        yield server


def bench_of(server: SmtpServer | None, folder: Path | None = None, **config: Any) -> Bench:
    values = {
        "host": "127.0.0.1",
        "port": server.port if server else 25,
        "from": "Robot <robot@example.org>",
        "to": "user@example.com",
        "backoffSeconds": 0,
        **config,
    }
    return Bench(SendEmail, values, *([] if folder is None else [folder]))


async def send(bench: Bench, *events: Any) -> list[Any]:
    await bench.stage.start()
    try:
        return await bench.feed(*events)
    finally:
        await bench.stage.stop()


async def test_a_mail_has_what_the_document_and_its_functions_say(server: SmtpServer) -> None:
    bench = bench_of(
        server,
        to=lambda event: [event["mail"], "Zoë <zoe@example.com>"],
        cc=["third@example.com"],
        bcc="hidden@example.com",
        replyTo="answers@example.org",
        subject=lambda event: f"Größe: {event['n']}",
        text=lambda event: f"n is {event['n']}\n.\n.x\n",
        html="<p>é</p>",
        headers={"X-Report": lambda event: event["n"], "X-None": lambda event: None},
        attachments=lambda event: [
            {"filename": "ä.csv", "content": "a,b\n", "contentType": "text/csv"},
            {
                "filename": "b.bin",
                "content": base64.b64encode(b"\0\xff").decode(),
                "encoding": "base64",
            },
        ],
    )
    [sent] = await send(bench, {"mail": "first@example.com", "n": 7})
    everybody = [f"{name}@example.com" for name in ("first", "zoe", "third", "hidden")]
    [mail] = server.mails
    assert bench.errors == []
    assert (mail.sender, mail.recipients) == ("robot@example.org", everybody)
    message = mail.message
    assert message["From"] == "Robot <robot@example.org>"
    assert [str(one) for one in message["To"].addresses] == [
        "first@example.com",
        "Zoë <zoe@example.com>",
    ]
    assert (message["Cc"], message["Reply-To"]) == ("third@example.com", "answers@example.org")
    assert (message["Subject"], message["X-Report"], message["X-None"]) == ("Größe: 7", "7", None)
    assert message["Date"].datetime == bench.context.hand.now()
    assert b"hidden" not in mail.raw
    text, html = (message.get_body([kind]) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    assert text.get_content().replace("\r\n", "\n") == "n is 7\n.\n.x\n"
    assert html.get_content().strip() == "<p>é</p>"
    first, second = message.iter_attachments()
    assert (first.get_filename(), first.get_content_type()) == ("ä.csv", "text/csv")
    assert second.get_content() == b"\0\xff"
    assert sent == {
        "messageId": message["Message-ID"],
        "from": "robot@example.org",
        "to": everybody,
        "subject": "Größe: 7",
        "refused": {},
    }
    assert bench.context.counts["bytes_out"] > 0


async def test_mails_of_a_batch_share_a_connection(server: SmtpServer) -> None:
    bench = bench_of(server, text="x")
    assert len(await send(bench, 1, 2, 3)) == 3
    assert len(server.mails) == 3
    assert len(server.sessions) == 1
    assert len({mail.message["Message-ID"] for mail in server.mails}) == 3


async def test_starttls_protects_a_password(tmp_path: Path) -> None:
    with smtp_server("starttls", tmp_path, "me:secret") as server:
        (tmp_path / "password").write_text("secret\n")
        bench = bench_of(server, tmp_path, ca="ca.pem", username="me", passwordFile="password")
        assert len(await send(bench, {})) == 1
        assert server.mails[0].encrypted
        assert server.mails[0].user == "me"


async def test_a_wrong_password_is_not_tried_again(tmp_path: Path) -> None:
    with smtp_server("starttls", tmp_path, "me:secret") as server:
        bench = bench_of(
            server, tmp_path, ca="ca.pem", username=lambda: "me", password=lambda: "no"
        )
        assert await send(bench, {}) == []
        assert "535" in bench.errors[0]
        assert "secret" not in bench.errors[0]


async def test_a_password_is_sent_to_no_server_without_starttls(server: SmtpServer) -> None:
    bench = bench_of(server, username="me", password="secret")
    assert await send(bench, {}) == []
    assert "STARTTLS" in bench.errors[0]


async def test_tls_from_the_first_byte(tmp_path: Path) -> None:
    with smtp_server("tls", tmp_path) as server:
        assert len(await send(bench_of(server, tmp_path, tls="tls", ca="ca.pem"), {})) == 1
        assert len(server.mails) == 1


async def test_a_server_whose_certificate_nobody_knows_gets_no_mail(tmp_path: Path) -> None:
    with smtp_server("tls", tmp_path) as server:
        bench = bench_of(server, tls="tls")
        assert await send(bench, {}) == []
        assert "certificate verify failed" in bench.errors[0]
        assert server.mails == []


async def test_what_may_pass_is_tried_again_with_the_same_identity(server: SmtpServer) -> None:
    server.answers = ["451 later", "421 much later"]
    bench = bench_of(server, retries=2)
    [sent] = await send(bench, {})
    assert [mail.message["Message-ID"] for mail in server.mails] == [sent["messageId"]]
    assert bench.errors == []


async def test_retries_end_and_the_next_event_is_worked_on(server: SmtpServer) -> None:
    server.answers = ["451 later"] * 2
    bench = bench_of(server, retries=1, subject="hello")
    assert len(await send(bench, 1, 2)) == 1
    assert bench.errors == [
        "SMTPError: the mail 'hello' to user@example.com was not sent: 451 later"
    ]


async def test_what_will_not_pass_is_not_tried_again(server: SmtpServer) -> None:
    server.answers = ["554 spam"]
    bench = bench_of(server)
    assert await send(bench, {}) == []
    assert len(bench.errors) == 1
    assert "554 spam" in bench.errors[0]


async def test_who_is_refused_is_told_and_the_others_get_it(server: SmtpServer) -> None:
    server.refused = {"b@example.com": "550 unknown"}
    bench = bench_of(server, to=["a@example.com", "b@example.com"])
    [sent] = await send(bench, {})
    assert (sent["to"], sent["refused"]) == (["a@example.com"], {"b@example.com": "550 unknown"})
    assert bench.errors == ["SMTPError: b@example.com was refused: 550 unknown"]


async def test_a_mail_that_nobody_may_get_is_not_sent(server: SmtpServer) -> None:
    server.refused = {"user@example.com": "550 unknown"}
    bench = bench_of(server)
    assert await send(bench, {}) == []
    assert "user@example.com: 550 unknown" in bench.errors[0]


async def test_a_server_that_is_away_is_tried_again_and_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    bench = bench_of(None, port=port, retries=2, backoffSeconds=8)
    begun = bench.context.hand.now()
    assert await send(bench, {}) == []
    assert len(bench.errors) == 1
    waited = (bench.context.hand.now() - begun).total_seconds()
    assert 0.8 * 24 <= waited <= 24


INJECTED = "x\r\nBcc: victim@example.com"


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("subject", INJECTED, "subject has a line's end"),
        ("subject", "a\u2028b", "subject has a line's end"),
        ("subject", {"a": 1}, "subject must be a text"),
        ("to", f"{INJECTED}@x", "to has a line's end"),
        ("to", "a@example.com, b@example.com", "several are a list"),
        ("to", "nobody", "is no address"),
        ("to", "a@b@example.com", "is no address"),
        ("to", '"a b"@example.com', "is no address"),
        ("to", "<script>@example.com", "is no address"),
        ("to", "group: a@example.com;", "is no address"),
        ("to", [], "there is nobody"),
        ("to", None, "there is nobody"),
        ("to", 5.5, "is no address"),
        ("to", ["a@example.com", None], "to must be a text"),
        ("to", [f"u{n}@example.com" for n in range(1001)], "more than 1000"),
        ("from", "a@example.com\0", "from has"),
        ("replyTo", INJECTED, "replyTo has"),
        ("text", {"a": 1}, "text must be a text"),
        ("attachments", "x", "attachments"),
        ("attachments", [{"filename": INJECTED, "content": ""}], "filename has"),
        ("attachments", [{"filename": "a", "content": "%", "encoding": "base64"}], "no base64"),
        ("attachments", [{"filename": "a", "content": "", "contentType": "a/b\r\nX: y"}], "no contentType of files"),
        ("attachments", [{"filename": "a", "content": "", "contentType": "message/rfc822"}], "no contentType of files"),
        ("attachments", [{"path": "/etc/passwd", "content": "", "filename": "a"}], "unknown field"),
    ],
)  # fmt: skip
async def test_what_would_be_another_mail_is_refused(
    server: SmtpServer, name: str, value: Any, why: str
) -> None:
    """Whatever an event smuggles into a header; nothing is sent, and the next event is worked on."""
    config: dict[str, Any] = {name: lambda event: event["v"]}
    bench = bench_of(server, **config)
    assert await send(bench, {"v": value}) == []
    assert server.mails == []
    assert len(bench.errors) == 1
    assert why in bench.errors[0]


async def test_a_function_that_fails_is_reported(server: SmtpServer) -> None:
    bench = bench_of(server, subject=lambda event: event["s"])
    assert len(await send(bench, {}, {"s": "x"})) == 1
    assert bench.errors == ["KeyError: 's'"]


async def test_a_mail_that_is_too_large_is_not_sent(server: SmtpServer) -> None:
    bench = bench_of(server, text=lambda event: "x" * event, maxSize=4096)
    assert len(await send(bench, 10_000, 10)) == 1
    assert "more than maxSize: 4096" in bench.errors[0]


async def test_names_of_other_alphabets_reach_their_server(server: SmtpServer) -> None:
    bench = bench_of(server, to="user@Bücher.example")
    [sent] = await send(bench, {})
    assert sent["to"] == ["user@xn--bcher-kva.example"]


async def test_files_that_are_not_there_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(StageStartError, match=r"none\.pem: No such file"):
        await send(bench_of(None, tmp_path, ca="none.pem"))
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(StageStartError, match="ca has no cert"):
        await send(bench_of(None, tmp_path, ca="ca.pem"))


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"to": None}, "to, cc or bcc"),
        ({"headers": {"Bcc": "a@b.c"}}, "Bcc is not set here"),
        ({"headers": {"X Y": "a"}}, "no name of a header"),
        ({"username": "me"}, "need each other"),
        ({"password": "me"}, "need each other"),
        ({"username": "me", "password": "a", "passwordFile": "b"}, "exclude each other"),
        (
            {"host": "mail.example.org", "tls": "none", "username": "a", "password": "b"},
            "for everybody",
        ),
        ({"passwordFile": "../x", "username": "a"}, "leaves the folder"),
        ({"host": ""}, "length >= 1"),
        ({"port": 70000}, "<= 65535"),
        ({"tls": "ssl"}, "ssl"),
        ({"from": None}, "Expected"),
    ],
)
def test_a_config_that_means_nothing_is_refused(config: dict[str, Any], why: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=why):
        bench_of(None, **config)
