"""Requests to a real server."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from runner.pipelines.errors import StageStartError
from runner.pipelines.stages.http import Http
from runner.pipelines.stages.http_message import retry_after_s, shown_url
from tests.integration.pipelines.flow import open_flow
from tests.integration.pipelines.http_server import HttpServer, Said, http_server
from tests.integration.pipelines.smtp_server import make_certificate
from tests.unit.runner.pipelines.stages.stage_bench import Bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from runner.config import Settings


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    async with http_server() as server:
        yield server


def bench_of(server: HttpServer | None = None, **config: Any) -> Bench:
    url = {} if server is None else {"url": server.url()}
    return Bench(Http, {"backoffSeconds": 0, **url, **config})


async def ask(bench: Bench, *events: Any) -> list[Any]:
    await bench.stage.start()
    try:
        async with asyncio.timeout(30):
            return await bench.feed(*events)
    finally:
        await bench.stage.stop()


async def test_an_answer_is_status_headers_and_body(server: HttpServer) -> None:
    server.answers = [
        Said(404, {"content-type": "text/plain; charset=latin-1", "X-A": "1"}, b"\xe9")
    ]
    bench = bench_of(server)
    [answer] = await ask(bench, {})
    assert (answer["status"], answer["body"]) == (404, "é")
    assert answer["headers"]["x-a"] == "1"
    [asked] = server.asked
    assert (asked.method, asked.target) == ("GET", "/")
    assert asked.headers["host"] == f"127.0.0.1:{server.port}"
    assert bench.context.counts == {"bytes_out": 0, "bytes_in": 1}


async def test_a_request_has_what_functions_make_of_the_event(server: HttpServer) -> None:
    bench = bench_of(
        url=lambda event: server.url(f"/{event['id']}?ü=1"),
        method=lambda event: "put",
        headers={"X-Id": lambda event: event["id"], "X-None": lambda event: None, "X-C": "é"},
        body=lambda event: event,
        allowPrivate=True,
    )
    assert len(await ask(bench, {"id": 7})) == 1
    [asked] = server.asked
    assert (asked.method, asked.target) == ("PUT", "/7?%C3%BC=1")
    assert asked.headers["x-id"] == "7"
    assert "x-none" not in asked.headers
    assert asked.headers["content-type"] == "application/json"
    assert asked.body == b'{"id":7}'


@pytest.mark.parametrize(
    ("body", "sent", "kind"),
    [
        ("é", "é".encode(), "text/plain;charset=UTF-8"),
        ({"a": [1, None]}, b'{"a":[1,null]}', "application/json"),
        (None, b"", None),
    ],
)
async def test_a_body_is_text_or_json(
    server: HttpServer, body: Any, sent: bytes, kind: str | None
) -> None:
    await ask(bench_of(server, method="POST", body=body), {})
    assert server.asked[0].body == sent
    assert server.asked[0].headers.get("content-type") == kind
    assert server.asked[0].headers["content-length"] == str(len(sent))


@pytest.mark.parametrize(
    ("kind", "data", "body"),
    [
        ("json", b'{"a":1}', {"a": 1}),
        ("json", b"", None),
        ("base64", b"\0\xff", base64.b64encode(b"\0\xff").decode()),
        ("text", b"\xff", "\ufffd"),
    ],
)
async def test_a_body_comes_as_asked(server: HttpServer, kind: str, data: bytes, body: Any) -> None:
    server.answers = [Said(200, {}, data)]
    assert (await ask(bench_of(server, responseType=kind), {}))[0]["body"] == body


async def test_what_is_no_json_is_reported(server: HttpServer) -> None:
    server.answers = [Said(200, {}, b"<html>")]
    bench = bench_of(server, responseType="json")
    assert await ask(bench, {}) == []
    assert bench.errors[0].startswith("SyntaxError: the answer (200) is no JSON")


async def test_the_answer_may_become_a_field_of_the_event(server: HttpServer) -> None:
    server.answers = [Said(200, {}, b"x")]
    bench = bench_of(server, **{"as": "answer"})
    [event] = await ask(bench, {"id": 1, "answer": "old"}, "no object")
    assert (event["id"], event["answer"]["body"]) == (1, "x")
    assert bench.errors == ["TypeError: the event is a text, and has no fields"]


async def test_requests_of_a_stage_share_connections_and_keep_their_order(
    server: HttpServer,
) -> None:
    server.answer = lambda asked: Said(200, {}, asked.target.encode())
    bench = bench_of(url=lambda event: server.url(f"/{event}"), allowPrivate=True)
    assert [answer["body"] for answer in await ask(bench, *range(20))] == [
        f"/{number}" for number in range(20)
    ]
    assert server.connections == 1


async def test_requests_at_once_are_as_many_as_allowed(
    server: HttpServer, settings: Settings, tmp_path: Path
) -> None:
    """In a pipeline, of events that came together."""
    server.gate = asyncio.Event()
    document = tmp_path / "p.yaml"
    stages = {
        "in": {"module": "pass"},
        "ask": {
            "module": "http",
            "inputs": ["in"],
            "config": {"url": server.url(), "parallelism": 3},
        },
        "out": {"module": "pass", "inputs": ["ask"]},
    }
    document.write_text(json.dumps({"pipeline": stages}))
    async with open_flow(settings, document) as flow, asyncio.timeout(30):
        await flow.feed(*range(10))
        await server.reached(3)
        server.gate.set()
        assert len(await flow.take(10)) == 10
    assert server.most_at_once == 3


async def test_what_may_pass_is_tried_again(server: HttpServer) -> None:
    """A server that leaves, one that fails, one that has no time."""
    server.answers = [None, Said(503), Said(429), Said(201)]
    bench = bench_of(server)
    [answer] = await ask(bench, {})
    assert answer["status"] == 201
    assert len(server.asked) == 4


async def test_after_the_last_retry_an_answer_is_an_event_and_none_an_error(
    server: HttpServer,
) -> None:
    server.answers = [Said(500)] * 2 + [None] * 2
    bench = bench_of(server, retries=1)
    assert [answer["status"] for answer in await ask(bench, 1, 2)] == [500]
    assert len(bench.errors) == 1
    assert bench.errors[0].startswith(f"HttpError: GET {server.url()}: the server left")


async def test_a_server_says_how_long_to_wait(server: HttpServer) -> None:
    server.answers = [Said(503, {"retry-after": "120"})]
    bench = bench_of(server)
    begun = bench.context.hand.now()
    await ask(bench, {})
    assert bench.context.hand.now() - begun == timedelta(seconds=120)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, 0),
        ("7", 7),
        ("9" * 50, 3600),
        ("Sun, 01 Mar 2026 12:01:00 GMT", 60),
        ("Sun, 01 Mar 2020 12:01:00 GMT", 0),
        ("soon", 0),
        ("-5", 0),
    ],
)
def test_how_long_is_seconds_or_a_date(value: str | None, seconds: float) -> None:
    assert retry_after_s(value, datetime(2026, 3, 1, 12, tzinfo=UTC)) == seconds


async def test_a_server_that_never_answers_is_given_up(server: HttpServer) -> None:
    server.gate = asyncio.Event()
    bench = bench_of(server, timeoutSeconds=0.1, retries=0)
    assert await ask(bench, {}) == []
    assert bench.errors == [f"HttpError: GET {server.url()}: no answer within 0.1 s"]
    server.gate.set()


async def test_a_server_that_is_away_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    bench = bench_of(url=f"http://user:secret@127.0.0.1:{port}/a?key=secret", retries=1)
    assert await ask(bench, {}) == []
    assert bench.errors == [
        f"HttpError: GET http://127.0.0.1:{port}/a: 127.0.0.1:{port} refused the connection"
    ]


async def test_bodies_are_bounded(server: HttpServer) -> None:
    """Also those that grow when they are decoded; each is asked for once."""
    bomb = gzip.compress(b"\0" * (64 << 20))
    server.answers = [
        Said(200, {}, b"x" * 1001),
        Said(200, {"content-encoding": "gzip"}, bomb),
        Said(200, {"content-encoding": "gzip"}, gzip.compress(b"x" * 1000)),
    ]
    bench = bench_of(server, maxSize=1000)
    assert [answer["body"] for answer in await ask(bench, 1, 2, 3)] == ["x" * 1000]
    assert len(bench.errors) == 2
    assert all("more than maxSize: 1000 bytes" in error for error in bench.errors)
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (Said(200, {"content-encoding": "gzip"}, gzip.compress(b"x" * 99)[:-9]), "ends too early"),
        (Said(200, {"content-encoding": "gzip"}, b"no gzip"), "encoding is broken"),
        (Said(302, {"location": "ftp://example.com/"}), "no URL of http or https"),
        (Said(302, {"location": "http://exa mple/"}), "is no URL"),
    ],
)
async def test_what_is_no_answer_is_an_error(server: HttpServer, said: Said, why: str) -> None:
    server.answer = lambda asked: said
    bench = bench_of(server, retries=1)
    assert await ask(bench, {}) == []
    assert len(bench.errors) == 1
    assert why in bench.errors[0]


async def test_a_charset_that_nobody_knows_is_utf_8(server: HttpServer) -> None:
    server.answers = [
        Said(200, {"content-type": f"text/plain; charset={name}"}, "é".encode())
        for name in ("nonsense", "base64", "")
    ]
    answers = await ask(bench_of(server), 1, 2, 3)
    assert [answer["body"] for answer in answers] == ["é"] * 3


async def test_secrets_of_headers_are_in_no_message(server: HttpServer) -> None:
    bench = bench_of(server, headers={"Authorization": lambda event: "secret\n"})
    assert await ask(bench, {}) == []
    assert "secret" not in bench.errors[0]


async def test_redirects_are_followed_as_browsers_do(server: HttpServer) -> None:
    server.answers = [
        Said(307, {"location": "/b"}),
        Said(302, {"location": "c?x=1#part"}),
        Said(200),
    ]
    await ask(bench_of(server, method="POST", body="x", headers={"Authorization": "t"}), {})
    assert [(asked.method, asked.target, asked.body) for asked in server.asked] == [
        ("POST", "/", b"x"),
        ("POST", "/b", b"x"),
        ("GET", "/c?x=1", b""),
    ]
    assert server.asked[-1].headers["authorization"] == "t"
    assert "content-type" not in server.asked[-1].headers


async def test_a_loop_of_redirects_ends(server: HttpServer) -> None:
    server.answer = lambda asked: Said(302, {"location": "/"})
    bench = bench_of(server, redirects=2)
    assert await ask(bench, {}) == []
    assert len(server.asked) == 3
    assert bench.errors[0].endswith("more than 2 redirects")
    [answer] = await ask(bench_of(server, redirects=0), {})
    assert (answer["status"], answer["headers"]["location"]) == (302, "/")


class TestPrivateAddresses:
    async def test_a_url_of_the_document_may_lead_there(self, server: HttpServer) -> None:
        assert len(await ask(bench_of(server), {})) == 1

    async def test_a_url_that_a_function_made_may_not(self, server: HttpServer) -> None:
        """It may be what somebody wrote into an event; nothing is connected to, and nothing tried again."""
        bench = bench_of(url=lambda event: event)
        hosts = ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "0"]
        urls = [f"http://{host}:{server.port}/" for host in hosts]
        assert await ask(bench, *urls) == []
        assert server.connections == 0
        assert len(bench.errors) == len(urls)
        assert all("allowPrivate: true lets this stage reach it" in error for error in bench.errors)

    async def test_a_redirect_to_another_origin_may_not(self, server: HttpServer) -> None:
        async with http_server() as other:
            server.answer = lambda asked: Said(302, {"location": other.url()})
            bench = bench_of(server)
            assert await ask(bench, {}) == []
            assert "is not a public address" in bench.errors[0]
            assert other.connections == 0

    async def test_with_leave_all_may_and_secrets_stay_with_their_origin(
        self, server: HttpServer
    ) -> None:
        async with http_server() as other:
            server.answer = lambda asked: Said(302, {"location": other.url()})
            headers = {"Authorization": "t", "Cookie": "c", "X-A": "a"}
            bench = bench_of(server, allowPrivate=True, headers=headers)
            assert len(await ask(bench, {})) == 1
            assert "authorization" not in other.asked[0].headers
            assert "cookie" not in other.asked[0].headers
            assert other.asked[0].headers["x-a"] == "a"

    async def test_allow_private_false_closes_them_for_all(self, server: HttpServer) -> None:
        bench = bench_of(server, allowPrivate=False)
        assert await ask(bench, {}) == []
        assert server.connections == 0

    async def test_where_the_operator_maps_to_is_no_question(self, server: HttpServer) -> None:
        bench = bench_of(url="http://api.example.invalid/", allowPrivate=False)
        bench.context.place = lambda host, port: ("127.0.0.1", server.port)  # type: ignore[method-assign]
        assert len(await ask(bench, {})) == 1
        assert server.asked[0].headers["host"] == "api.example.invalid"


async def test_a_server_of_ones_own_authority_is_believed(tmp_path: Path) -> None:
    async with http_server(make_certificate(tmp_path)) as server:
        url = server.url().replace("http:", "https:")
        bench = Bench(Http, {"url": url, "ca": "ca.pem"}, tmp_path)
        assert len(await ask(bench, {})) == 1
        bench = Bench(Http, {"url": url, "backoffSeconds": 0}, tmp_path)
        assert await ask(bench, {}) == []
        assert "has no valid certificate" in bench.errors[0]
        with pytest.raises(StageStartError, match="no certificates"):
            (tmp_path / "bad.pem").write_text("x")
            await ask(Bench(Http, {"url": url, "ca": "bad.pem"}, tmp_path))


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"url": "ftp://example.com/"}, "is no URL of http or https"),
        ({"url": "http://"}, "is no URL"),
        ({"url": "http://exa mple/"}, "is no URL"),
        ({"url": "http://example.com:99999/"}, "is no URL"),
        ({"url": "http://u:pass@word@example.com:99999/?key=word"}, "http://example.com:99999/"),
        ({"url": None}, "url must be a text, this is null"),
        ({"method": "CONNECT"}, "method: 'CONNECT' is not allowed"),
        ({"method": "GET / HTTP/1.1\r\nX:"}, "is not allowed"),
        ({"token": "a\r\nX-B: c"}, "headers.X-Token has a line's end"),
        ({"token": {"a": 1}}, "headers.X-Token must be a text"),
    ],
)
async def test_what_would_be_another_request_is_refused(
    server: HttpServer, settings: dict[str, Any], why: str
) -> None:
    """Whatever an event smuggles in; nothing is sent."""
    bench = bench_of(
        url=lambda event: event["url"],
        method=lambda event: event["method"],
        headers={"X-Token": lambda event: event["token"]},
        allowPrivate=True,
    )
    good = {"url": server.url(), "method": "GET", "token": "t"}
    assert len(await ask(bench, good | settings, good)) == 1
    assert len(server.asked) == 1
    assert len(bench.errors) == 1
    assert why in bench.errors[0]
    assert "word" not in bench.errors[0]


async def test_basic_authorization_may_stand_in_the_url(server: HttpServer) -> None:
    bench = bench_of(url=f"http://me:s%40@127.0.0.1:{server.port}/")
    await ask(bench, {})
    assert (
        server.asked[0].headers["authorization"] == f"Basic {base64.b64encode(b'me:s@').decode()}"
    )


def test_messages_show_no_secrets_of_urls() -> None:
    assert shown_url("https://a:b@host/path?key=1#x") == "https://host/path"


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({}, "url"),
        ({"url": "example.com"}, "no URL of http or https"),
        ({"method": "TRACE"}, "'TRACE' is not allowed"),
        ({"headers": {"Host": "a"}}, "made by the connection"),
        ({"headers": {"a b": "a"}}, "no name of a header"),
        ({"headers": {"a": 1}}, "Expected"),
        ({"body": {"a": lambda event: 1}}, "a function makes all of it"),
        ({"responseType": "xml"}, "xml"),
        ({"retries": -1}, ">= 0"),
        ({"timeoutSeconds": 0}, ">= 0.1"),
        ({"parallelism": 1000}, "<= 100"),
        ({"ca": "../x"}, "leaves the folder"),
        ({"as": ""}, "needs a name"),
    ],
)
def test_a_config_that_means_nothing_is_refused(config: dict[str, Any], why: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=why):
        Bench(Http, ({"url": "http://example.com"} if config else {}) | config)
