"""A lane written in Python, at the other end of a real socketpair: answers as its script says."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING, Any

from pools.protocol import (
    Deliver,
    FrameReader,
    Outcome,
    OutcomeKind,
    Start,
    Terminate,
    ToLane,
    Turn,
    encode_frame,
)
from runner.code_cache import CodeCaches
from runner.deployments import make_deployment, make_limits
from runner.events.context import NO_CONTEXT
from runner.lane_client import LaneClient
from runner.ops.registry import Ops
from runner.telemetry.observer import UNOBSERVED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pools.protocol import Deploy, Forget
    from runner.deployments import Deployment
    from runner.events.context import EventContext
    from runner.ops.limits import OpLimit
    from runner.telemetry.observer import Observer

OK = Outcome(OutcomeKind.OK)

HELLO = b'[["head",200,"",[["content-type","text/plain"]],{"text":"Hello"}]]'


def deployment(
    name: str = "hello",
    tenant: str = "t",
    wall_ms: int = 1000,
    ops: Mapping[str, OpLimit] | None = None,
    **files: str,
) -> Deployment:
    return make_deployment(
        tenant=tenant,
        worker=f"id-of-{name}",
        name=name,
        main="index.js",
        files=files or {"index.js": "export default {}"},
        variables={},
        limits=make_limits(cpu_ms=100, wall_ms=wall_ms, ops=ops or {}),
    )


class FakeLane(asyncio.Protocol):
    """Calls ``on_start`` and ``on_deliver`` for what arrives; they answer with :meth:`turn`."""

    def __init__(self) -> None:
        self._reader: FrameReader[Any] = FrameReader(ToLane)
        self.transport: asyncio.Transport = None  # type: ignore[assignment]
        self.messages: list[Deploy | Forget | Start | Deliver | Terminate] = []
        self.arrived = asyncio.Event()
        self.on_start: Callable[[FakeLane, Start], None] = lambda lane, start: lane.turn(
            start.execution, HELLO, outcome=OK
        )
        self.keep = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        for message in self._reader.feed(data):
            if self.keep:
                self.messages.append(message)
                self.arrived.set()
            if isinstance(message, Start):
                self.on_start(self, message)

    def turn(
        self,
        execution: int,
        records: bytes | list[Any] = b"",
        *attachments: bytes,
        outcome: Outcome | None = None,
    ) -> None:
        if isinstance(records, list):
            records = json.dumps(records).encode()
        self.transport.write(encode_frame(Turn(execution, records, list(attachments), outcome)))

    def got(self, kind: type[Any]) -> list[Any]:
        return [message for message in self.messages if isinstance(message, kind)]

    def records(self) -> list[tuple[list[Any], list[bytes]]]:
        """Return what was delivered, with the attachments of the same call."""
        return [
            (record, message.attachments)
            for message in self.got(Deliver)
            for record in json.loads(message.records)
        ]

    async def wait_for(self, condition: Callable[[], Any]) -> Any:
        """Wait until what has arrived makes the condition true."""
        while not (value := condition()):
            self.arrived.clear()
            await self.arrived.wait()
        return value


class FakeHost:
    """Notes why it was ended, and ends its lane."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.lane: LaneClient | None = None

    def end(self, reason: str) -> None:
        self.ended.append(reason)
        if self.lane is not None:
            self.lane.close()


class FakeConsole:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.failures: list[OutcomeKind] = []

    def console(self, deployment: Deployment, level: str, text: str) -> None:
        self.lines.append((level, text))

    def failure(self, deployment: Deployment, outcome: Outcome, context: EventContext) -> None:
        self.failures.append(outcome.kind)


OPEN: list[Bench] = []
"""Those of the running test; its fixture closes them."""


class Bench:
    """A lane client and its fake lane, connected."""

    def __init__(
        self, client: LaneClient, lane: FakeLane, host: FakeHost, console: FakeConsole, ops: Ops
    ) -> None:
        self.ops = ops
        self.client = client
        self.lane = lane
        self.host = host
        self.console = console

    async def close(self) -> None:
        self.client.close()
        self.lane.transport.abort()
        await self.ops.close()

    def start(self, work: Deployment | None = None, **options: Any) -> Any:
        return self.client.start(
            work or deployment(),
            b"{}",
            [],
            streamed_body=options.get("streamed_body", False),
            context=options.get("context", NO_CONTEXT),
        )


async def connect(
    handlers: Mapping[str, Any] | None = None, name: str = "0.0", observer: Observer = UNOBSERVED
) -> Bench:
    loop = asyncio.get_running_loop()
    here, there = socket.socketpair()
    here.setblocking(False)
    there.setblocking(False)
    host, console = FakeHost(), FakeConsole()
    ops = Ops(handlers or {}, observer)
    client = LaneClient(name, host, ops, console, CodeCaches(10, 1000), 1000, observer)
    host.lane = client
    await loop.create_connection(lambda: client, sock=here)
    _, lane = await loop.create_connection(FakeLane, sock=there)
    bench = Bench(client, lane, host, console, ops)
    OPEN.append(bench)
    return bench
