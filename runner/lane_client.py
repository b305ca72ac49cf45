"""One lane's socket: executions go out, turns come in. The hot path: callbacks only, no task per execution.

Must not know how a lane is chosen, what ops do or what HTTP is.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from pools.errors import ProtocolError
from pools.protocol import (
    CodeCache,
    Deliver,
    Forget,
    FrameReader,
    FromLane,
    Outcome,
    OutcomeKind,
    Start,
    Terminate,
    Turn,
    encode_frame,
)
from runner.corked import Corked
from runner.errors import ViolationError
from runner.execution import Execution
from runner.telemetry.observer import UNOBSERVED

if TYPE_CHECKING:
    from pools.protocol import Message
    from runner.code_cache import CodeCaches
    from runner.deployments import Deployment
    from runner.events.context import EventContext
    from runner.execution import Console
    from runner.ops.registry import Ops
    from runner.telemetry.observer import Observer

_KNOWN_DEPLOYMENTS: Final = 1000
_KNOWN_BYTES: Final = 64 << 20
_MAX_CODE_CACHE_BYTES: Final = 32 << 20
_HANG_GRACE_S: Final = 2.0


class Host(Protocol):
    """What a lane needs of the host it is in."""

    def end(self, reason: str) -> None: ...


class LaneClient(asyncio.Protocol):
    """The runner's end of a lane."""

    def __init__(
        self,
        name: str,
        host: Host,
        ops: Ops,
        console: Console,
        caches: CodeCaches,
        queue_timeout_ms: int,
        observer: Observer = UNOBSERVED,
    ) -> None:
        self.name = name
        """Stays the same when the host is replaced: tenants are assigned by it."""
        self.running: dict[int, Execution] = {}
        self._host = host
        self._ops = ops
        self._console = console
        self._caches = caches
        self._observer = observer
        self._queue_timeout_s = queue_timeout_ms / 1000
        self._reader: FrameReader[Turn | CodeCache] = FrameReader(FromLane)
        self._transport: Corked | None = None
        self._last = 0
        self._known: OrderedDict[str, int] = OrderedDict()
        self._known_bytes = 0

    # --- the socket -----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = Corked(cast("asyncio.Transport", transport))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._host.end(f"lane {self.name} closed its socket")

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._reader.feed(data):
                if type(message) is Turn:
                    self._take_turn(message)
                elif type(message) is CodeCache:
                    self._take_cache(message)
        except (ProtocolError, ViolationError) as error:
            self.violate(str(error))

    def close(self) -> None:
        """Close the socket; whatever runs here is lost."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        running, self.running = self.running, {}
        for execution in running.values():
            execution.finish(Outcome(OutcomeKind.HOST_LOST))

    def violate(self, reason: str) -> None:
        self._host.end(f"lane {self.name} broke the protocol: {reason}")

    # --- executions -----------------------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        return len(self.running)

    def start(
        self,
        deployment: Deployment,
        event: bytes,
        attachments: list[bytes],
        *,
        streamed_body: bool,
        context: EventContext,
    ) -> Execution:
        """Start an execution on this lane."""
        number = self._last = self._last + 1
        execution = Execution(
            number,
            deployment,
            self,
            self._ops,
            self._console,
            streamed_body=streamed_body,
            context=context,
        )
        if known := deployment.key in self._known:
            self._known.move_to_end(deployment.key)
        else:
            self._introduce(deployment)
        self._observer.started(execution, cold=not known)
        limits = deployment.limits
        if limits.wall_ms:
            wait_s = self._queue_timeout_s + limits.wall_ms / 1000
            execution.deadline = execution.started + wait_s + _HANG_GRACE_S
        self.running[number] = execution
        self._write(
            Start(
                number,
                deployment.key,
                deployment.tenant,
                deployment.worker,
                event,
                attachments,
                limits,
                deployment.warm,
            )
        )
        return execution

    def deliver(self, execution: int, records: bytes, attachments: list[bytes]) -> None:
        self._write(Deliver(execution, records, attachments))

    def terminate(self, execution: int, kind: OutcomeKind) -> None:
        self._write(Terminate(execution, kind))

    def overdue(self, now: float) -> Execution | None:
        """Return an execution that should have ended, by all limits, and has not."""
        for execution in self.running.values():
            if execution.deadline is not None and execution.deadline < now:
                return execution
        return None

    def _take_turn(self, turn: Turn) -> None:
        execution = self.running.get(turn.execution)
        if execution is None:
            raise ViolationError(f"a turn of execution {turn.execution}, which does not run")
        if turn.outcome is not None:
            del self.running[turn.execution]
        execution.take_turn(turn.records, turn.attachments, turn.outcome)

    def _take_cache(self, cache: CodeCache) -> None:
        if cache.deployment in self._known and len(cache.data) <= _MAX_CODE_CACHE_BYTES:
            self._caches.put(cache.deployment, cache.file, cache.data)

    def _introduce(self, deployment: Deployment) -> None:
        size = sum(map(len, deployment.files.values()))
        self._known[deployment.key] = size
        self._known_bytes += size
        while len(self._known) > 1 and (
            len(self._known) > _KNOWN_DEPLOYMENTS or self._known_bytes > _KNOWN_BYTES
        ):
            key, dropped = self._known.popitem(last=False)
            self._known_bytes -= dropped
            self._write(Forget(key))
        self._write(deployment.deploy(self._caches.of(deployment.key)))

    def _write(self, message: Message | Any) -> None:
        if self._transport is not None:
            self._transport.write(encode_frame(message))
