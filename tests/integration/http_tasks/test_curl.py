"""What only curl does, as it arrives; and what both leave alone."""

from __future__ import annotations

import asyncio
import base64
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from runner.http_tasks.model import AwsSigv4, Credentials, Proxy
from tests.integration.http_tasks.conftest import Sender
from tests.integration.http_tasks.site import Asked, Reply, open_proxy, open_site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.http_tasks.site import Authority

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
TOM = Credentials(username="tom", password="secret")


class Wire:
    """The first bytes of each connection, up to an empty line."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self.heads: list[bytes] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self._answer)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def open_wire(answer: bytes = ANSWER) -> AsyncIterator[Wire]:
    wire = Wire(answer)
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/a"
    try:
        yield wire
    finally:
        server.close()


@pytest.fixture
async def curl() -> AsyncIterator[Sender]:
    sender = Sender("curl")
    yield sender
    await sender.tasks.close()


@pytest.mark.parametrize(
    ("config", "begin"),
    [
        ({}, rb"GET /a HTTP/1\.1\r\n"),
        ({"http_version": "1.0"}, rb"GET /a HTTP/1\.0\r\n"),
        ({"http_version": "2"}, rb"GET /a HTTP/1\.1\r\n(?s:.)*Upgrade: h2c"),
        ({"http_version": "2-prior-knowledge"}, rb"PRI \* HTTP/2\.0\r\n\r\n"),
        ({"ha_proxy_protocol": True}, rb"PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+\r\nGET"),
        ({"ha_proxy_client_ip": "192.0.2.7"}, rb"PROXY TCP4 192\.0\.2\.7 [\d.]+ \d+ \d+\r\nGET"),
    ],
)
async def test_bytes_on_the_wire_are_those_that_are_wanted(
    curl: Sender, config: dict[str, Any], begin: bytes
) -> None:
    """Versions of HTTP, and the line that tells a proxy's client."""
    async with open_wire() as wire:
        await curl.send(wire.url, timeout=5000, **config)
    assert re.match(begin, wire.heads[0]), wire.heads


async def test_an_answer_without_a_head_is_one_if_it_is_allowed(curl: Sender) -> None:
    """HTTP/0.9 has nothing but a body."""
    async with open_wire(b"just words\n") as wire:
        allowed = await curl.send(wire.url, http_version="0.9")
        usual = await curl.send(wire.url)
    assert (allowed.status, allowed.body, usual.status) == (200, b"just words\n", 500)


async def test_a_request_is_signed_for_aws(curl: Sender) -> None:
    """Version 4, for a region and a service; nothing of the secret is sent."""
    aws = AwsSigv4(provider1="aws", provider2="amz", region="eu-central-1", service="execute-api", key="AKIA1", secret="hidden")  # fmt: skip
    async with open_site(Reply()) as site:
        end = await curl.send(site.url(), {"auth_aws_sigv4": aws})
    assert end.status == 200
    (asked,) = site.asked
    said = asked.headers["authorization"]
    assert re.match(r"AWS4-HMAC-SHA256 Credential=AKIA1/\d{8}/eu-central-1/execute-api/aws4_request, ", said)  # fmt: skip
    assert "x-amz-date" in asked.headers


async def test_a_certificate_may_have_to_be_proven(curl: Sender, authority: Authority) -> None:
    """Without a stapled answer of its authority's a server is not believed."""
    ca = base64.b64encode(authority.certificate).decode()
    async with open_site(Reply(), authority.context()) as site:
        end = await curl.send(site.url(), ca=ca, cert_status=True)
    assert end.status == 500
    assert b"revoked" in (end.body or b"")


async def test_a_proxy_is_asked_in_its_own_version(curl: Sender, authority: Authority) -> None:
    """HTTP/1.0 for its tunnels."""
    ca = base64.b64encode(authority.certificate).decode()
    async with open_site(Reply(), authority.context()) as site, open_proxy(site.port) as proxy:
        way = Proxy(protocol="http", host="127.0.0.1", port=proxy.port)
        end = await curl.send(site.url(), ca=ca, proxy=way, proxy_http_version="1.0")
    assert end.status == 200
    assert proxy.asked[0][0] == f"CONNECT 127.0.0.1:{site.port} HTTP/1.0"


async def test_a_proxys_digest_challenge_is_answered(curl: Sender) -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> Reply:
        if asked.headers.get("proxy-authorization", "").startswith('Digest username="tom"'):
            return Reply()
        challenge = 'Digest realm="r", nonce="n1", qop="auth"'
        return Reply(407, b"", (("proxy-authenticate", challenge),))

    async with open_site(answer) as proxy:
        way = Proxy(protocol="http", host="127.0.0.1", port=proxy.port)
        end = await curl.send("http://127.0.0.1:81/a", proxy=way, proxy_auth_digest=TOM)
    assert end.status == 200


async def test_our_environments_proxies_are_not_the_tasks(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor do they make exceptions of the proxy that a task has."""
    async with open_site(Reply()) as site, open_proxy(site.port) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "*")
        assert (await sender.send(site.url())).status == 200
        asked_by_environment = list(proxy.asked)
        way = Proxy(protocol="http", host="127.0.0.1", port=proxy.port)
        assert (await sender.send(site.url(), proxy=way)).status == 200
    assert (asked_by_environment, len(proxy.asked)) == ([], 1)


async def test_hundreds_are_under_way_at_once(sender: Sender) -> None:
    """Nobody is answered before all have asked."""
    many, came, all_here = 200, 0, asyncio.Event()

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> Reply:
        nonlocal came
        came += 1
        if came == many:
            all_here.set()
        await all_here.wait()
        return Reply()

    async with open_site(answer) as site, asyncio.timeout(60):
        ends = await asyncio.gather(*(sender.send(site.url(f"/{n}")) for n in range(many)))
    assert {end.status for end in ends} == {200}
    assert len({asked.target for asked in site.asked}) == many
