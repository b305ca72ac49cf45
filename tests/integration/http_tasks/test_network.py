"""Ways to a server: proxies, name servers, and networks that are open to some owners only."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import struct
from typing import TYPE_CHECKING, cast
from uuid import UUID

import pytest

from runner.http_tasks.model import Credentials, Proxy, Resolve
from runner.http_tasks.surroundings import Connectivity
from tests.integration.http_tasks.conftest import OWNER, Sender
from tests.integration.http_tasks.site import Asked, Reply, open_proxy, open_site

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.http_tasks.site import Authority

TOM = Credentials(username="tom", password="secret")
BASIC = f"Basic {base64.b64encode(b'tom:secret').decode()}"


async def test_a_proxy_passes_requests_on(sender: Sender) -> None:
    """It is given the whole URL, and headers that are for it alone."""
    async with open_site(Reply()) as site, open_proxy(site.port) as proxy:
        way = Proxy(protocol="http", host="127.0.0.1", port=proxy.port)
        headers = {"X-Way": "1"}
        lead = [Resolve(host="one.example", port=site.port, address=["127.0.0.1"])]
        end = await sender.send(
            site.url("/a?b=c", host="one.example"),
            {"method": "POST", "data": "text"},
            proxy=way,
            proxy_headers=headers,
            proxy_auth_basic=TOM,
            resolve=lead,
        )
    assert end.status == 200
    assert site.asked[0].body == b"text"
    head = proxy.asked[0]
    assert head[0] == f"POST http://one.example:{site.port}/a?b=c HTTP/1.1"
    fields = {line.partition(": ")[0].lower(): line.partition(": ")[2] for line in head[1:]}
    assert (fields["x-way"], fields["proxy-authorization"]) == ("1", BASIC)


@pytest.mark.parametrize("protocol", ["http", "https"])
async def test_a_proxy_makes_tunnels(sender: Sender, authority: Authority, protocol: str) -> None:
    """For TLS, of which it sees nothing; it may be asked over TLS itself."""
    tls = authority.context() if protocol == "https" else None
    async with open_site(Reply(), authority.context()) as site, open_proxy(site.port, tls) as proxy:
        end = await sender.send(
            site.url(),
            proxy=Proxy(protocol=protocol, host="127.0.0.1", port=proxy.port),  # type: ignore[arg-type]
            proxy_headers={"X-Way": "1"},
            proxy_auth_basic=TOM,
            proxy_insecure=True,
            ca=base64.b64encode(authority.certificate).decode(),
        )
    assert end.status == 200
    (head,) = proxy.asked
    assert head[0] == f"CONNECT 127.0.0.1:{site.port} HTTP/1.1"
    fields = {line.partition(": ")[0].lower(): line.partition(": ")[2] for line in head[1:]}
    assert (fields["x-way"], fields["proxy-authorization"]) == ("1", BASIC)
    assert not {"x-way", "proxy-authorization"} & site.asked[0].headers.keys()


async def test_a_proxys_own_certificate_is_looked_at(sender: Sender, authority: Authority) -> None:
    """Unless the task says that it need not be."""
    async with open_site(Reply()) as site, open_proxy(site.port, authority.context()) as proxy:
        way = Proxy(protocol="https", host="127.0.0.1", port=proxy.port)
        assert (await sender.send(site.url(), proxy=way)).status == 500
        assert (await sender.send(site.url(), proxy=way, proxy_insecure=True)).status == 200


async def test_a_proxy_that_refuses_is_an_error(sender: Sender, authority: Authority) -> None:
    async with open_site(Reply(407, b"who?")) as proxy, open_site(Reply(), authority.context()) as site:  # fmt: skip
        way = Proxy(protocol="http", host="127.0.0.1", port=proxy.port)
        end = await sender.send(site.url(), proxy=way)
    assert (end.status, site.asked) == (500, [])


async def test_a_proxy_is_no_way_around_the_guard(guarded: Sender) -> None:
    """Neither one within our network, nor one that is asked for something within it."""
    async with open_site(Reply()) as site, open_proxy(site.port) as proxy:
        way = Proxy(protocol="http", host="127.0.0.1", port=proxy.port)
        assert b"public" in ((await guarded.send("http://one.example/a", proxy=way)).body or b"")
        outside = Proxy(protocol="http", host="192.0.2.1", port=8080)
        for host in ("127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254"):
            end = await guarded.send(f"http://{host}/a", proxy=outside, timeout=1000)
            assert (end.status, end.body) != (200, b"ok")
    assert (site.connections, proxy.asked) == (0, [])


async def test_a_proxy_within_our_network_is_not_asked_for_private_addresses(
    transport: str,
) -> None:
    """An owner who may use it reaches no more by it than without it."""
    sender = Sender(transport, base=("127.0.0.1",))
    async with open_site(Reply()) as site, open_proxy(site.port) as proxy:
        way = Proxy(protocol="http", host="127.0.0.1", port=proxy.port)
        lead = [Resolve(host="inside.example", port=80, address=["10.0.0.1"])]
        for url in ("http://10.0.0.1/a", "http://inside.example/a"):
            end = await sender.send(url, proxy=way, resolve=lead)
            assert b"is not a public address" in (end.body or b"")
    await sender.tasks.close()
    assert proxy.asked == []


async def test_a_network_may_be_open_for_one_owner(transport: str) -> None:
    """And stays closed for the others."""
    for owner, status in ((OWNER, 200), (UUID(int=6), 500)):
        sender = Sender(transport, base=(), networks={owner: ("loopback",)})
        async with open_site(Reply()) as site:
            assert (await sender.send(site.url())).status == status
        await sender.tasks.close()


class NameServer(asyncio.DatagramProtocol):
    """Knows where each name leads; over UDP it only says that TCP is to be asked, if it is ``curt``."""

    def __init__(self, names: dict[str, str], *, curt: bool = False) -> None:
        self._names = names
        self._curt = curt
        self.asked: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(self.answer(data, truncated=self._curt), addr)

    def answer(self, message: bytes, *, truncated: bool = False) -> bytes:
        labels, place = [], 12
        while length := message[place]:
            labels.append(message[place + 1 : place + 1 + length].decode())
            place += 1 + length
        name = ".".join(labels)
        self.asked.append(name)
        question = message[12 : place + 5]
        (kind,) = struct.unpack_from("!H", message, place + 1)
        address = ipaddress.ip_address(self._names[name]).packed
        flags = 0x8180 | (0x0200 if truncated else 0)
        head = message[:2] + struct.pack("!5H", flags, 1, 0 if truncated else 2, 0, 0)
        if truncated:
            return head + question
        # By another name first: both are answered at once, and names point to where they stood before.
        target = b"\x05other\xc0\x0c"
        alias = b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 60, len(target)) + target
        at = len(head) + len(question) + 12
        owner = struct.pack("!H", 0xC000 | at)
        return head + question + alias + owner + struct.pack("!HHIH", kind, 1, 60, len(address)) + address  # fmt: skip


@pytest.fixture
def dns_port(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Name servers listen at 53, which tests can not."""
    return lambda port: monkeypatch.setattr("runner.http_tasks.network._DNS_PORT", port)


@pytest.mark.parametrize("curt", [False, True])
async def test_a_task_asks_its_own_name_server(
    sender: Sender, dns_port: Callable[[int], None], curt: bool
) -> None:
    """Over UDP, and over TCP when that is not enough."""
    names = NameServer({"one.example": "127.0.0.1"}, curt=curt)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        answer = names.answer(await reader.readexactly(length))
        writer.write(struct.pack("!H", len(answer)) + answer)
        await writer.drain()
        writer.close()

    over_tcp = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = over_tcp.sockets[0].getsockname()[1]
    dns_port(port)
    loop = asyncio.get_running_loop()
    over_udp, _ = await loop.create_datagram_endpoint(lambda: names, local_addr=("127.0.0.1", port))
    try:
        async with open_site(Reply()) as site:
            url = site.url(host="one.example")
            end = await sender.send(url, dns_server=["127.0.0.1"])
    finally:
        over_udp.close()
        over_tcp.close()
    assert end.status == 200
    assert names.asked == ["one.example"] * (2 if curt else 1)


async def test_a_name_server_within_our_network_is_not_asked(guarded: Sender) -> None:
    end = await guarded.send("http://one.example/a", dns_server=["127.0.0.1"])
    assert end.body == b"NetworkError: the DNS server 127.0.0.1 is not a public address"


async def test_what_a_name_server_says_is_judged(
    transport: str, dns_port: Callable[[int], None]
) -> None:
    """A name that leads into our network leads nowhere, whoever says so."""
    names = NameServer({"evil.example": "10.0.0.1"})
    loop = asyncio.get_running_loop()
    udp, _ = await loop.create_datagram_endpoint(lambda: names, local_addr=("127.0.0.1", 0))
    dns_port(udp.get_extra_info("sockname")[1])
    sender = Sender(transport, base=("127.0.0.1",))
    end = await sender.send("http://evil.example/a", dns_server=["127.0.0.1"])
    udp.close()
    await sender.tasks.close()
    assert end.body == b"NetworkError: evil.example is not a public address"


async def test_a_task_asks_for_names_over_https(sender: Sender, authority: Authority) -> None:
    """RFC 8484; its server's certificate counts, unless the task says otherwise."""
    names = NameServer({"one.example": "127.0.0.1"})

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> Reply:
        assert (asked.method, asked.target) == ("POST", "/dns-query")
        assert asked.headers["content-type"] == "application/dns-message"
        return Reply(200, names.answer(asked.body), (("content-type", "application/dns-message"),))

    async with open_site(answer, authority.context()) as resolver, open_site(Reply()) as site:
        url, doh = site.url(host="one.example"), resolver.url("/dns-query")
        trusting = await sender.send(url, doh_url=doh, doh_insecure=True)
        doubting = await sender.send(url, doh_url=doh)
    assert (trusting.status, doubting.status) == (200, 500)
    assert names.asked == ["one.example"]


async def test_who_answers_for_names_over_https_is_judged(guarded: Sender) -> None:
    async with open_site(Reply()) as resolver:
        end = await guarded.send("http://one.example/a", doh_url=resolver.url())
    assert (end.body, resolver.connections) == (
        b"NetworkError: 127.0.0.1 is not a public address",
        0,
    )


async def test_one_owners_names_are_not_anothers(sender: Sender) -> None:
    """What a task says of a name holds for its own requests only."""
    async with open_site(Reply(200, b"one")) as one, open_site(Reply(200, b"two"), host="127.0.0.2") as two:  # fmt: skip
        lead = [Resolve(host="localhost", port=one.port, address=["127.0.0.2"])]
        far = await sender.send(f"http://localhost:{one.port}/a", resolve=lead)
        near = await sender.send(f"http://localhost:{one.port}/a")
    assert (far.status, near.body) == (500, b"one")
    assert two.connections == 0


async def test_while_names_are_not_resolved_tasks_wait() -> None:
    """All look together, and go on when the host is there."""
    looked: list[str] = []
    loop = asyncio.get_running_loop()
    connectivity = Connectivity("up.example", again_s=0.001)

    async def getaddrinfo(host: str, *rest: object, **named: object) -> list[object]:
        looked.append(host)
        if len(looked) < 3:
            raise OSError
        return [object()]

    loop.getaddrinfo = getaddrinfo  # type: ignore[method-assign, assignment]
    await asyncio.gather(*(connectivity.online() for _ in range(5)))
    await connectivity.online()
    await connectivity.close()
    assert looked == ["up.example"] * 3
