"""Each example over real HTTP, as its comment says."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.conftest import Dev


def test_hello(examples: Dev) -> None:
    answer = examples.get("hello", "/there")
    assert (answer.status_code, answer.text) == (200, "Hello from /there\n")


def test_json_api(examples: Dev) -> None:
    assert "GET /" in examples.get("json-api").json()["routes"]
    assert examples.get("json-api", "/echo?a=1&b=é").json() == {"a": "1", "b": "é"}
    made = examples.get("json-api", "/total", "POST", json={"amount": 3, "price": 7})
    assert (made.status_code, made.json()) == (201, {"total": 21})
    assert made.headers["content-type"].startswith("application/json")
    assert examples.get("json-api", "/total", "POST", content="{").status_code == 400
    assert examples.get("json-api", "/total", "POST", json={}).status_code == 422
    assert examples.get("json-api", "/nowhere").status_code == 404


def test_sse(examples: Dev) -> None:
    with examples.http.stream(
        "GET", "/?count=3&every=150", headers={"x-worker-name": "sse"}
    ) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        arrived = [
            (time.monotonic(), line) for line in answer.iter_lines() if line.startswith("data")
        ]
    assert [line for _, line in arrived] == [f'data: {{"tick":{number}}}' for number in (1, 2, 3)]
    # Each event left when it was made.
    assert arrived[-1][0] - arrived[0][0] > 0.2


def test_sse_notices_that_the_client_left(examples: Dev) -> None:
    with examples.http.stream(
        "GET", "/?count=1000&every=20", headers={"x-worker-name": "sse"}
    ) as answer:
        next(answer.iter_bytes())
    examples.wait_for("[sse] INFO the client left after")


def test_proxy(examples: Dev) -> None:
    def through(worker: str, method: str = "GET", **options: object) -> object:
        url = f"http://{worker}.workers.dev.localhost:{examples.port}/total"
        return examples.get("proxy", "/", method, params={"url": url}, **options)

    hello = through("hello")
    assert hello.text == "Hello from /total\n"  # type: ignore[attr-defined]
    assert hello.headers["x-proxied-by"] == "isolane"  # type: ignore[attr-defined]
    total = through("json-api", "POST", json={"amount": 2, "price": 2})
    assert (total.status_code, total.json()) == (201, {"total": 4})  # type: ignore[attr-defined]


def test_shop(examples: Dev) -> None:
    assert examples.get("shop").json() == {"items": ["tea", "cup"]}
    order = examples.get("shop", "/order?tea=2&cup=1").json()
    assert order["total"] == "21.00 EUR"
    assert examples.get("shop", "/order?gold=1").status_code == 422


def test_task_has_no_fetch_handler(examples: Dev) -> None:
    assert examples.get("task").status_code == 501


def test_the_index_lists_the_examples_by_address_and_curl_line(examples: Dev) -> None:
    text = examples.http.get("/").text
    assert f"curl -H 'x-worker-name: hello' {examples.url}/" in text
    page = examples.http.get("/", headers={"accept": "text/html"}).text
    assert f"http://hello.workers.dev.localhost:{examples.port}/" in page
    assert examples.lines[0] == f"HTTP {examples.url}"
