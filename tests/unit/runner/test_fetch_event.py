"""From an HTTP request to the fetch event."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runner.errors import NotResolvedError
from runner.events.fetch import Request, RequestIds, make_request, read_request
from runner.ingress.proxies import TrustedProxies


def read(*headers: tuple[str, str], trusted: bool = True, **changes: Any) -> Request:
    given = {
        "method": "GET",
        "scheme": "http",
        "target": "/a?b=c",
        "server": "127.0.0.1:8080",
    } | changes
    if not any(name == "host" for name, _ in headers):
        headers = (("host", "x.example:81"), *headers)
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return read_request(
        given["method"],
        given["scheme"],
        given["target"],
        raw,
        trusted=trusted,
        server=given["server"],
        new_id=RequestIds(),
    )


def test_the_worker_sees_the_true_url_and_all_headers_in_order() -> None:
    request = read(("accept", "a"), ("cookie", "1"), ("cookie", "2"), ("x-odd", "\xe9"))
    event = json.loads(request.event("bytes"))
    assert event["type"] == "fetch"
    assert event["url"] == "http://x.example:81/a?b=c"
    assert event["body"] == "bytes"
    assert event["headers"][:-1] == [
        ["host", "x.example:81"],
        ["accept", "a"],
        ["cookie", "1"],
        ["cookie", "2"],
        ["x-odd", "\xe9"],
    ]
    assert event["headers"][-1] == ["x-request-id", request.id]


def test_what_resolves_a_worker_is_taken_and_not_passed_on() -> None:
    request = read(("x-worker-name", "n"), ("x-worker-id", "i"), ("x-isolane-hops", "3"))
    assert (request.worker_name, request.worker_id) == ("n", "i")
    assert not [name for name, _ in request.headers if name.startswith(("x-worker", "x-isolane"))]


def test_from_others_than_trusted_proxies_it_is_not_even_taken() -> None:
    request = read(
        ("x-worker-name", "n"),
        ("x-request-id", "theirs"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "host=evil.example"),
        trusted=False,
    )
    assert request.worker_name == ""
    assert request.id != "theirs"
    assert request.url.startswith("http://x.example:81/")
    assert [name for name, _ in request.headers] == ["host", "x-request-id"]


def test_a_request_id_of_a_trusted_proxy_is_kept() -> None:
    assert read(("x-request-id", "abc-1")).id == "abc-1"


@pytest.mark.parametrize("value", ["", "two words", "x" * 200])
def test_a_request_id_that_is_none_is_replaced(value: str) -> None:
    assert len(read(("x-request-id", value)).id) == 32


def test_forwarded_is_read_before_what_preceded_it() -> None:
    request = read(
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "old.example"),
        ("forwarded", 'for=1.2.3.4;proto=https;host="new.example:444", proto=http'),
    )
    assert request.url == "https://new.example:444/a?b=c"


def test_x_forwarded_headers_are_read_without_forwarded() -> None:
    request = read(("x-forwarded-proto", "https, http"), ("x-forwarded-host", "old.example"))
    assert request.url == "https://old.example/a?b=c"


def test_headers_of_the_connection_stay_behind() -> None:
    request = read(
        ("connection", "keep-alive, x"), ("transfer-encoding", "chunked"), ("upgrade", "websocket")
    )
    assert request.has_body
    assert [name for name, _ in request.headers] == ["host", "x-request-id"]


@pytest.mark.parametrize("host", ["", "a b", "x/y", "evil.example@x", "x:99999999", "[::1"])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(NotResolvedError) as caught:
        read(("host", host), server="")
    assert caught.value.status == 400


def test_two_hosts_are_refused() -> None:
    with pytest.raises(NotResolvedError, match="two Host"):
        read(("host", "a"), ("host", "b"))


def test_without_a_host_it_is_our_address() -> None:
    raw: list[tuple[bytes, bytes]] = []
    request = read_request(
        "GET", "http", "/", raw, trusted=False, server="10.0.0.1:80", new_id=RequestIds()
    )
    assert request.url == "http://10.0.0.1:80/"


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
def test_methods_that_no_worker_can_serve_are_refused(method: str) -> None:
    with pytest.raises(NotResolvedError) as caught:
        read(method=method)
    assert caught.value.status == 405


def test_peers_are_judged_by_their_address() -> None:
    proxies = TrustedProxies(["loopback", "10.0.0.0/8"])
    assert proxies.trusts("127.0.0.1")
    assert proxies.trusts("::1")
    assert proxies.trusts("::ffff:10.1.1.1")
    assert not proxies.trusts("8.8.8.8")
    assert not proxies.trusts("")


def test_a_request_that_is_made_says_what_one_over_a_connection_would() -> None:
    sent = [
        ("Accept", "application/json"),
        ("X-A", "1"),
        ("x-a", "2"),
        ("Forwarded", "for=1.2.3.4"),
    ]
    request = make_request("PUT", "https://H.example:1?c=d#e", sent, request_id="r", body_size=3)
    assert (request.url, request.path) == ("https://H.example:1/?c=d", "/")
    assert (request.content_length, request.wants_json) == (3, True)
    assert request.headers == [
        ("host", "H.example:1"),
        ("accept", "application/json"),
        ("x-a", "1"),
        ("x-a", "2"),
        ("content-length", "3"),
        ("x-request-id", "r"),
    ]
    trusted = make_request("GET", "http://h/", sent, request_id="r", trusted=True)
    assert ("forwarded", "for=1.2.3.4") in trusted.headers


@pytest.mark.parametrize(
    ("method", "url", "header", "status"),
    [
        ("TRACE", "http://h/", ("a", "b"), 405),
        ("GE T", "http://h/", ("a", "b"), 405),
        ("GET", "ftp://h/", ("a", "b"), 400),
        ("GET", "h/path", ("a", "b"), 400),
        ("GET", "http://", ("a", "b"), 400),
        ("GET", "http://h h/", ("a", "b"), 400),
        ("GET", "http://h/\r\nx: y", ("a", "b"), 400),
        ("GET", "http://h/\u20ac", ("a", "b"), 400),
        ("GET", "http://h/", ("a b", "c"), 400),
        ("GET", "http://h/", ("a", "b\r\nc: d"), 400),
        ("GET", "http://h/", ("a", "\u20ac"), 400),
    ],
)
def test_what_http_could_not_have_is_not_made(
    method: str, url: str, header: tuple[str, str], status: int
) -> None:
    with pytest.raises(NotResolvedError) as caught:
        make_request(method, url, [header], request_id="r")
    assert caught.value.status == status
