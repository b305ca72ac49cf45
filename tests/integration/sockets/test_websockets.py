"""WebSockets through the runner as users start it: in, out and through."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from runner.ops.addresses import AddressPolicy
from runner.sockets.client import Dialer, ServerPeer
from runner.sockets.messages import Kind, Message, closing
from runner.sockets.relay import PeerLostError
from tests.integration.conftest import Cli, Dev

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

WORKER = """
const CLOSED = 'closed';

async function talk(url, protocols) {
  const socket = new WebSocket(url, protocols);
  const told = [];
  const over = new Promise(resolve => {
    socket.onclose = event => resolve([event.code, event.reason, event.wasClean]);
    socket.onerror = () => told.push('error');
  });
  socket.onopen = () => { told.push(socket.protocol, socket.readyState); socket.send('one'); socket.send(new Uint8Array([1, 2])) };
  socket.onmessage = async event => {
    told.push(typeof event.data === 'string' ? event.data : [...await event.data.bytes()]);
    if (told.length >= 4) socket.close(3001, 'enough');
  };
  return { told, close: await over };
}

export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    const target = url.searchParams.get('url');
    if (url.pathname === '/talk') return Response.json(await talk(target, url.searchParams.getAll('protocol')));
    if (url.pathname === '/upgrade') {
      const response = await fetch(target, { headers: { upgrade: 'websocket', 'x-told': 'yes' } });
      const socket = response.webSocket;
      if (!socket) return Response.json({ status: response.status, text: await response.text() });
      socket.accept();
      const got = new Promise(resolve => socket.addEventListener('message', event => resolve(event.data)));
      socket.send('hello');
      const data = await got;
      socket.close();
      return Response.json({ status: response.status, data });
    }
    if (url.pathname === '/proxy') return fetch(target, { headers: request.headers });
    if (url.pathname === '/refuse') return new Response('not you', { status: 403, headers: { 'x-why': 'so' } });
    if (url.pathname !== '/always' && request.headers.get('upgrade') !== 'websocket') return new Response('a socket is wanted', { status: 426 });
    const [client, server] = Object.values(new WebSocketPair());
    if (url.pathname === '/never') return new Promise(() => {});
    server.accept();
    if (url.pathname === '/flood') {
      for (let i = 0; i < 40; i++) server.send(new Uint8Array(100000).fill(i));
      server.close(1000, 'all sent');
    }
    if (url.pathname === '/spin') server.addEventListener('message', () => { for (;;); });
    server.addEventListener('message', event => {
      if (event.data === 'bye') server.close(4001, 'as you wish');
      else if (event.data === 'told') server.send(`${request.headers.get('x-told')}`);
      else server.send(event.data);
    });
    server.addEventListener('close', event => console.log('closed with', event.code, event.reason, event.wasClean));
    const headers = { 'x-made-by': 'worker' };
    const protocol = request.headers.get('sec-websocket-protocol');
    if (protocol) headers['sec-websocket-protocol'] = url.search === '?unknown' ? 'x' : protocol.split(',')[0];
    return new Response(null, { status: 101, webSocket: client, headers });
  },
};
"""


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, snapshots: Path, services: dict[str, str]
) -> Iterator[Dev]:
    cli = Cli(tmp_path_factory.mktemp("sockets"), snapshots)
    cli.write("ws.js", WORKER)
    running = Dev(cli, ".", FETCH_ALLOW_PRIVATE_NETWORK="true", CPU_TIME_LIMIT_MS="300", **services)
    yield running
    assert running.stop() == 0


def url_of(site: Dev, path: str) -> str:
    return f"ws://ws.workers.dev.localhost:{site.port}{path}"


async def connect(site: Dev, path: str, *protocols: str, status: int = 101) -> ServerPeer:
    dialer = Dialer(AddressPolicy(allow_all=True))
    shaken = await dialer.open(url_of(site, path), protocols, [("x-told", "by a header")])
    assert shaken.status == status
    assert shaken.peer is not None
    return shaken.peer


def over(
    site: Dev, path: str, work: Callable[[ServerPeer], Awaitable[None]], *protocols: str
) -> None:
    """Open a socket, do the work with it."""

    async def run() -> None:
        async with asyncio.timeout(20):
            peer = await connect(site, path, *protocols)
            try:
                await work(peer)
            finally:
                await peer.abort()

    asyncio.run(run())


def text(content: str) -> Message:
    return Message(Kind.TEXT, content.encode())


def test_a_worker_echoes(site: Dev) -> None:
    """Text, bytes and long messages come back as they were; the worker's close arrives with code and reason."""

    async def work(peer: ServerPeer) -> None:
        for message in (
            text("grüße 😀"),
            Message(Kind.BINARY, b"\0\xff"),
            text("x" * 1_000_000),
            text(""),
        ):
            await peer.send(message)
            assert await peer.receive() == message
        await peer.send(text("bye"))
        assert await peer.receive() == closing(4001, "as you wish")

    over(site, "/echo", work)


def test_the_client_closes(site: Dev) -> None:
    """The worker hears code and reason, the client gets its answer, and the request is over."""

    async def work(peer: ServerPeer) -> None:
        await peer.send(text("told"))
        assert await peer.receive() == text("by a header")
        await peer.send(closing(4321, "client's"))
        assert (await peer.receive()).code == 4321

    over(site, "/echo?closes", work)
    site.wait_for("closed with 4321 client's true")
    site.wait_for("GET http://ws.workers.dev.localhost", 10)


def test_protocols_and_headers(site: Dev) -> None:
    async def run() -> None:
        dialer = Dialer(AddressPolicy(allow_all=True))
        shaken = await dialer.open(url_of(site, "/echo"), ["chat", "other"], [])
        assert (shaken.status, shaken.protocol) == (101, "chat")
        assert ("x-made-by", "worker") in shaken.headers
        unknown = await dialer.open(url_of(site, "/echo?unknown"), ["chat"], [])
        assert (unknown.status, b"did not ask" in unknown.body) == (500, True)
        assert shaken.peer is not None
        await shaken.peer.abort()

    asyncio.run(run())


def test_a_worker_refuses(site: Dev) -> None:
    """What is no socket is an answer as any other."""

    async def run() -> None:
        dialer = Dialer(AddressPolicy(allow_all=True))
        refused = await dialer.open(url_of(site, "/refuse"), [], [])
        assert (refused.status, refused.body, refused.peer) == (403, b"not you", None)
        assert ("x-why", "so") in refused.headers
        failed = await dialer.open(url_of(site, "/never"), [], [])
        assert failed.status == 500

    asyncio.run(run())
    assert site.get("ws").status_code == 426
    unasked = site.get("ws", "/always", headers={"upgrade": "h2c"})
    assert (unasked.status_code, "does not ask for a WebSocket" in unasked.text) == (500, True)


def test_a_slow_client_loses_nothing(site: Dev) -> None:
    """Four megabytes that nobody reads at first wait, and then come in order, before the close."""

    async def work(peer: ServerPeer) -> None:
        await asyncio.sleep(0)
        sizes = []
        while (message := await peer.receive()).kind is not Kind.CLOSE:
            sizes.append((message.content[0], len(message.content)))
        assert sizes == [(number, 100_000) for number in range(40)]
        assert message == closing(1000, "all sent")

    over(site, "/flood", work)


def test_a_message_too_big_ends_the_socket(site: Dev) -> None:
    async def work(peer: ServerPeer) -> None:
        await peer.send(text("x" * ((1 << 20) + 1)))
        assert (await peer.receive()).code == 1009

    over(site, "/echo", work)


def test_a_worker_that_is_ended_closes_its_socket(site: Dev) -> None:
    """A limit is no reason to leave the client waiting."""

    async def work(peer: ServerPeer) -> None:
        await peer.send(text("spin"))
        assert (await peer.receive()).code == 1011

    over(site, "/spin", work)


def test_a_client_that_is_lost_is_noticed(site: Dev) -> None:
    async def work(peer: ServerPeer) -> None:
        await peer.send(text("told"))
        await peer.receive()
        await peer._stream.aclose()
        with pytest.raises(PeerLostError):
            await peer.receive()

    over(site, "/echo?lost", work)
    site.wait_for("closed with 1005")


def test_out(site: Dev) -> None:
    """`new WebSocket` talks to a server, here to a worker behind HTTP."""
    query = {"url": url_of(site, "/echo"), "protocol": "chat"}
    told = site.get("ws", "/talk", params=query).json()
    assert told == {"told": ["chat", 1, "one", [1, 2]], "close": [3001, "enough", True]}
    nowhere = site.get("ws", "/talk", params={"url": "ws://127.0.0.1:9/"}).json()
    assert nowhere == {"told": ["error"], "close": [1006, "", False]}
    assert site.get("ws", "/talk", params={"url": "ws://a b/"}).status_code == 500


def test_out_by_fetch(site: Dev) -> None:
    """`fetch` with `upgrade: websocket` has a socket, or the answer that there was instead."""
    base = f"http://ws.workers.dev.localhost:{site.port}"
    assert site.get("ws", "/upgrade", params={"url": f"{base}/echo"}).json() == {
        "status": 101,
        "data": "hello",
    }
    refused = site.get("ws", "/upgrade", params={"url": f"{base}/refuse"}).json()
    assert refused == {"status": 403, "text": "not you"}


def test_through(site: Dev) -> None:
    """A worker that passes on what `fetch` gave is in between, and adds nothing."""

    async def work(peer: ServerPeer) -> None:
        for message in (text("through"), Message(Kind.BINARY, bytes(300_000))):
            await peer.send(message)
            assert await peer.receive() == message
        await peer.send(text("bye"))
        assert await peer.receive() == closing(4001, "as you wish")

    target = f"http://ws.workers.dev.localhost:{site.port}/echo"
    over(site, f"/proxy?url={target}", work)


def test_many_at_once(site: Dev) -> None:
    async def one(number: int) -> None:
        peer = await connect(site, "/echo")
        for _ in range(5):
            await peer.send(text(json.dumps(number)))
            assert await peer.receive() == text(json.dumps(number))
        await peer.send(text("bye"))
        assert (await peer.receive()).code == 4001
        await peer.abort()

    async def run() -> None:
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            for number in range(8):
                tasks.create_task(one(number))

    asyncio.run(run())


def test_drain_closes_what_is_open(cli: Cli, services: dict[str, str]) -> None:
    """Clients are told that the service restarts, workers that their sockets are closed."""
    cli.write("ws.js", WORKER)
    running = Dev(cli, ".", **services)

    async def run() -> None:
        async with asyncio.timeout(20):
            peer = await connect(running, "/echo")
            await peer.send(text("here"))
            assert await peer.receive() == text("here")
            stopped = asyncio.get_running_loop().run_in_executor(None, running.stop)
            assert (await peer.receive()).code == 1012
            await peer.abort()
            assert await stopped == 0

    asyncio.run(run())
    assert any("closed with 1012" in line for line in running.lines)
