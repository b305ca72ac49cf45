"""A worker with bindings that asks, without an isolate: ops, their streams and their answers."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

import msgspec

from runner.deployments import make_deployment, make_limits
from runner.events.context import EventContext
from runner.ops.registry import OpCall, Ops
from runner.streams import InboundStream, OutboundStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.bindings import Binding
    from runner.deployments import Deployment
    from runner.execution import Execution


def deployment(tenant: str = "t", **bindings: Binding) -> Deployment:
    return make_deployment(
        tenant=tenant,
        worker="w",
        name="w",
        main="index.js",
        files={},
        variables={},
        limits=make_limits(cpu_ms=100, wall_ms=100, ops={}),
        bindings=bindings,
    )


class Asked:
    """One op, as the core sees it."""

    def __init__(self, worker: Worker, number: int) -> None:
        self._worker = worker
        self.id = number
        self.task: asyncio.Task[None]
        self.answered = asyncio.Event()
        self.kind = ""
        self.value: Any = None
        self.attachment: bytes | None = None
        self.received = bytearray()
        self.under_way = 0
        self.ended = asyncio.Event()
        self.error: Any = None
        self.credits = 0
        self.granted = asyncio.Event()
        self.cancelled = False

    async def result(self) -> Any:
        """Wait for the answer: its value, or an error's name and message."""
        await self.answered.wait()
        return self.value if self.kind == "resolve" else self.refusal

    @property
    def refusal(self) -> str:
        assert self.kind == "reject", self.value
        return f"{self.value['name']}: {self.value['message']}"

    async def read(self, *, credit: int = 1 << 18) -> bytes:
        """Read the stream that was answered to its end, granting what was taken."""
        inbound = self._worker.inbound[self.id]
        inbound.granted(credit)
        while not self.ended.is_set():
            self.granted.clear()
            if taken := self.under_way:
                self.under_way = 0
                inbound.granted(taken)
            waiting = [asyncio.create_task(event.wait()) for event in (self.granted, self.ended)]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in waiting:
                task.cancel()
        return bytes(self.received)


class Worker:
    """An execution that asks for ops. ``end`` ends it, as the lane would."""

    def __init__(self, ops: Ops, work: Deployment) -> None:
        self.ops = ops
        self.deployment = work
        self.context = EventContext()
        self.inbound: dict[int, InboundStream] = {}
        self.outbound_streams: dict[int, OutboundStream] = {}
        self.on_end: list[Callable[[Execution], None]] = []
        self.asked: list[Asked] = []
        self.outcome: Any = None
        self.violations: list[str] = []

    def ask(self, name: str, args: dict[str, Any], attachment: bytes = b"") -> Asked:
        asked = Asked(self, len(self.asked) + 1)
        self.asked.append(asked)
        raw = msgspec.Raw(json.dumps(args).encode())
        call = OpCall(cast("Execution", self), asked.id, name, raw, attachment)
        asked.task = self.ops.start(call)
        return asked

    async def __call__(self, name: str, args: dict[str, Any], attachment: bytes = b"") -> Any:
        return await self.ask(name, args, attachment).result()

    def end(self) -> None:
        self.outcome = "ended"
        for asked in self.asked:
            asked.task.cancel()
        for call in self.on_end:
            call(cast("Execution", self))

    # --- what ops call ---

    def deliver(self, kind: str, number: int, *rest: Any, attachment: bytes | None = None) -> None:
        asked = self.asked[number - 1]
        value: Any = json.loads(msgspec.json.encode(rest[0])) if rest else None
        if kind in {"resolve", "reject"}:
            assert not asked.answered.is_set()
            asked.kind, asked.value, asked.attachment = kind, value, attachment
            asked.answered.set()
        elif kind == "chunk":
            assert attachment is not None
            asked.received += attachment
            asked.under_way += len(attachment)
            asked.granted.set()
        elif kind in {"end", "fail"}:
            asked.error = value
            asked.ended.set()
        elif kind == "credit":
            asked.credits += value
            asked.granted.set()
        elif kind == "cancel":
            asked.cancelled = True
            asked.granted.set()

    def violate(self, reason: str) -> None:
        self.violations.append(reason)

    def open_inbound(self, stream: int) -> InboundStream:
        def send(chunk: bytes) -> None:
            self.deliver("chunk", stream, attachment=chunk)

        def end(error: Any) -> None:
            self.deliver("end" if error is None else "fail", stream, error and str(error))

        inbound = self.inbound[stream] = InboundStream(send, end)
        return inbound

    def outbound(self, stream: int) -> OutboundStream:
        if stream not in self.outbound_streams:
            self.outbound_streams[stream] = OutboundStream(
                lambda size: self.deliver("credit", stream, size),
                lambda reason: self.deliver("cancel", stream, reason),
            )
        return self.outbound_streams[stream]
