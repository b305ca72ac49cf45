"""Frames and messages between the runner and its isolate hosts.

A frame is a little-endian ``u32`` length and that many bytes of msgpack: one message, an array whose first item is
its tag. Each lane has a socket of its own (executions), each host one control socket (configuration, heartbeats).
What the records inside :class:`Start`, :class:`Deliver` and :class:`Turn` mean is described in ``docs/boundary.md``;
this module and the lanes do not read them.

This module must not know V8, sockets or event loops.
"""

from __future__ import annotations

import struct
from enum import StrEnum
from typing import Final, Generic, TypeVar

import msgspec

from pools.errors import ProtocolError

MAX_FRAME_BYTES: Final = 128 << 20
MAX_TURN_BYTES: Final = 64 << 20
"""What JavaScript may hand out in one turn."""
STREAM_WINDOW_BYTES: Final = 256 << 10
STREAM_CHUNK_BYTES: Final = 64 << 10
_LENGTH: Final = struct.Struct("<I")


class Mode(StrEnum):
    """How isolates are pooled (``V8_EXECUTE``)."""

    PINNED = "PINNED"
    POOLED = "POOLED"
    ONESHOT = "ONESHOT"


class OutcomeKind(StrEnum):
    """The one way in which an execution ended; see architecture.md, "Errors"."""

    OK = "ok"
    EXCEPTION = "exception"
    INIT_ERROR = "init_error"
    NO_HANDLER = "no_handler"
    CPU_LIMIT = "cpu_limit"
    MEMORY_LIMIT = "memory_limit"
    OP_LIMIT = "op_limit"
    WALL_CLOCK = "wall_clock"
    TERMINATED = "terminated"
    ABORTED = "aborted"
    BUSY = "busy"
    HOST_LOST = "host_lost"


class Message(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of all messages: a msgpack array, tagged."""


# --- what messages carry ------------------------------------------------------------------------------------------


class Limits(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Limits of one execution; 0 switches a limit off."""

    cpu_ms: int = 100
    wall_ms: int = 64_000
    ops: bytes = b'{"ops":{}}'
    """``limitsJson`` of docs/boundary.md, handed to the core as it is."""


class Usage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one execution took."""

    cpu_us: int = 0
    wall_us: int = 0
    queue_us: int = 0
    """Waiting for an isolate in the lane."""
    heap_bytes: int = 0
    """V8 heap in use plus external memory when the execution ended; 0 after a single turn of less than 1 ms."""
    turns: int = 0


class ErrorInfo(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A tenant's error. ``file``, ``line`` and ``column`` (from 1) are known for code that does not compile."""

    name: str
    message: str
    stack: str = ""
    file: str = ""
    line: int = 0
    column: int = 0


class Outcome(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The end of an execution."""

    kind: OutcomeKind
    error: ErrorInfo | None = None
    usage: Usage = Usage()


# --- runner → lane ------------------------------------------------------------------------------------------------


class Deploy(Message, frozen=True, tag=1):
    """Code and environment of a deployment; sent on a lane's socket before the first :class:`Start` that names it."""

    key: str
    main: str
    files: dict[str, str]
    """Module sources by path relative to the deployment's root, ``/`` between parts, types already stripped."""
    env: bytes = b'{"vars":{}}'
    caches: dict[str, bytes] = {}
    """V8 code caches by path, as a :class:`CodeCache` brought them."""


class Forget(Message, frozen=True, tag=2):
    """The lane may drop a deployment: no further Start names it."""

    key: str


class Start(Message, frozen=True, tag=3):
    """Run one event. ``execution`` is unique on its lane."""

    execution: int
    deployment: str
    tenant: str
    worker: str
    event: bytes
    attachments: list[bytes] = []
    limits: Limits = Limits()
    warm: bool = False
    """``CONTEXT_REUSE=warm``: a context of this deployment that has ended an execution may be used again."""


class Deliver(Message, frozen=True, tag=4):
    """Records for a running execution; ignored when it has ended."""

    execution: int
    records: bytes
    attachments: list[bytes] = []


class Terminate(Message, frozen=True, tag=5):
    """End an execution now, with ``kind`` (aborted or terminated) as its outcome."""

    execution: int
    kind: OutcomeKind = OutcomeKind.TERMINATED


# --- lane → runner ------------------------------------------------------------------------------------------------


class Turn(Message, frozen=True, tag=16):
    """What a turn produced; with ``outcome`` it was the last one of the execution."""

    execution: int
    records: bytes
    """JSON array; empty when there are none."""
    attachments: list[bytes] = []
    outcome: Outcome | None = None


class CodeCache(Message, frozen=True, tag=17):
    """A V8 code cache made after a successful execution; valid for the same source, V8 and flags."""

    deployment: str
    file: str
    data: bytes


# --- control socket -----------------------------------------------------------------------------------------------


class HostConfig(Message, frozen=True, tag=32):
    """First message to a host. File descriptors are inherited by it."""

    mode: Mode
    lane_fds: list[int]
    snapshot_fd: int
    """A readable file with the V8 startup snapshot (the bare blob)."""
    heap_initial_mb: int = 10
    heap_max_mb: int = 50
    isolate_pool_size: int = 1000
    max_isolates_per_tenant: int = 10
    queue_size: int = 10
    queue_timeout_ms: int = 5000
    v8_flags: str = ""
    jitless: bool = False
    sandbox: str = "auto"
    """``auto`` (as much as the kernel gives), ``required`` or ``off``."""
    writable_folders: list[str] = []
    """Where the host may write in spite of its sandbox: for tools that measure it, empty in production."""
    watch_ms: int = 5
    """How often running turns are checked against their limits."""


class LaneStats(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Counters of one lane since its start, gauges as of now. Keys as in psycopg_pool: nouns, units last."""

    executions: int = 0
    isolates: int = 0
    isolates_idle: int = 0
    isolates_created: int = 0
    isolates_disposed: int = 0
    isolates_evicted: int = 0
    pool_hits: int = 0
    pool_misses: int = 0
    contexts_prepared: int = 0
    contexts_reused: int = 0
    executions_running: int = 0
    executions_waiting: int = 0
    queue_full: int = 0
    queue_timeouts: int = 0


class Ready(Message, frozen=True, tag=48):
    """The host serves: V8 is up, its first isolate was made, the sandbox is closed."""

    pid: int
    v8_version: str
    sandbox: str
    """What is in force, e.g. ``landlock+seccomp`` or ``off``."""


class Heartbeat(Message, frozen=True, tag=49):
    """Sent every second by the host's watchdog thread, also while lanes run JavaScript."""

    rss_bytes: int
    lanes: list[LaneStats]


class Failed(Message, frozen=True, tag=50):
    """The host can not serve and ends; ``reason`` is a sentence for the operator."""

    reason: str


ToLane = Deploy | Forget | Start | Deliver | Terminate
FromLane = Turn | CodeCache
ToHost = HostConfig
FromHost = Ready | Heartbeat | Failed

M = TypeVar("M")

_encoder = msgspec.msgpack.Encoder()


def encode_frame(message: Message) -> bytes:
    """Encode one message as a frame.

    Raises
    ------
    ProtocolError
        The message is larger than :data:`MAX_FRAME_BYTES`.

    """
    body = _encoder.encode(message)
    if len(body) > MAX_FRAME_BYTES:
        raise ProtocolError(
            f"a {type(message).__name__} of {len(body)} bytes is larger than a frame may be"
        )
    return _LENGTH.pack(len(body)) + body


class FrameReader(Generic[M]):
    """Cuts a byte stream into messages of the given union.

    Feed it what the socket gave; it keeps an incomplete tail for the next call. One reader per socket.
    """

    def __init__(self, messages: object) -> None:
        self._decoder: msgspec.msgpack.Decoder[M] = msgspec.msgpack.Decoder(messages)
        self._tail = bytearray()
        """The beginning of a message. It grows in place: a long one comes in a thousand pieces."""
        self._needed = 0
        """How long it has to be before it is worth a look."""

    def feed(self, data: bytes) -> list[M]:
        """Return the messages completed by ``data``, in order.

        Raises
        ------
        ProtocolError
            A frame is too long, or is no message of this direction. The connection can not be used further.

        """
        if self._tail:
            self._tail += data
            if len(self._tail) < self._needed:
                return []
            data = bytes(self._tail)
        messages: list[M] = []
        start, end = 0, len(data)
        self._needed = 4
        while end - start >= 4:
            length = int.from_bytes(data[start : start + 4], "little")
            if length > MAX_FRAME_BYTES:
                raise ProtocolError(
                    f"a frame of {length} bytes is announced; {MAX_FRAME_BYTES} is the largest allowed"
                )
            if end - start - 4 < length:
                self._needed = 4 + length
                break
            body = memoryview(data)[start + 4 : start + 4 + length]
            try:
                messages.append(self._decoder.decode(body))
            except msgspec.DecodeError as error:
                raise ProtocolError(
                    f"a frame of {length} bytes is no known message: {error}"
                ) from error
            start += 4 + length
        if self._tail or start < end:
            self._tail = bytearray(memoryview(data)[start:])
        return messages
