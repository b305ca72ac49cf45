"""A context made from the snapshot, and the JavaScript core's ``dispatch`` in it."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import msgspec

from pools.errors import EngineError
from pools.protocol import ErrorInfo
from pools.v8 import abi as v8

if TYPE_CHECKING:
    from pools.v8.codecs import Codecs
    from pools.v8.isolate import Isolate


class Code(IntEnum):
    """First argument of ``dispatch``; docs/boundary.md."""

    INIT = 0
    RUN = 1
    TAKE = 2
    DELIVER = 3
    DESCRIBE = 4
    REJECTED = 5
    TICK = 6
    RESET = 7
    IMPORTED = 8
    BUILT_IN = 9


class Taken(msgspec.Struct, frozen=True, gc=False):
    """What a turn produced."""

    state: str
    """``P``, ``I``, ``DO``, ``DX``, ``DN`` or ``DL``."""
    next_timer_ms: int | None
    records: bytes
    attachments: list[bytes]


class _Described(msgspec.Struct):
    name: str = "Error"
    message: str = ""
    stack: str = ""


_describe_decoder = msgspec.json.Decoder(_Described)


class Realm:
    """A fresh context of an entered isolate.

    Its handles are local ones until :meth:`keep`, and die when the isolate is left.

    Raises
    ------
    EngineError
        V8 made no context (out of memory, or terminated), or the snapshot is not one of ours.

    """

    __slots__ = ("codecs", "context", "dispatch", "isolate", "kept", "used")

    def __init__(self, isolate: Isolate) -> None:
        abi = isolate.abi
        none = v8.NO_CALLBACK
        self.isolate = isolate
        self.codecs: Codecs | None = None
        """What the context compresses and decompresses; they are freed with it."""
        self.kept = False
        self.used = False
        self.context: int = abi.context_new(
            isolate.pointer, None, None, None, none, None, none, none
        )
        if not self.context:
            raise EngineError("V8 made no context")
        self.dispatch: int = abi.context_embedder_data(self.context, v8.DISPATCH_SLOT)

    def keep(self) -> None:
        """Let the context outlive the present entry of its isolate."""
        if not self.kept:
            self.kept = True
            self.context = self.isolate.keep(self.context)
            self.dispatch = self.isolate.keep(self.dispatch)

    def close(self) -> None:
        """Give the context to the garbage collector; the isolate must be entered."""
        self.codecs = None
        if self.kept:
            self.kept = False
            self.isolate.drop(self.context)
            self.isolate.drop(self.dispatch)

    def call(self, code: Code, *arguments: int) -> int:
        """Call ``dispatch`` with handles; 0 when it was terminated."""
        isolate = self.isolate
        integers = isolate.engine.small_integers
        return isolate.call(self.context, self.dispatch, (integers[code], *arguments))

    def init(self, event: bytes, env: bytes, limits: bytes, attachments: list[bytes]) -> bool:
        """Begin an execution's state; False when terminated."""
        isolate = self.isolate
        buffers = [isolate.array_buffer(data) for data in attachments]
        arguments = (
            isolate.engine.small_integers[Code.INIT],
            isolate.string(event),
            isolate.constant(env),
            isolate.constant(limits),
            *buffers,
        )
        # In a context that has run nothing yet there is no tenant code that this could run into.
        quick = not self.used and len(event) < v8.QUICK_BYTES
        self.used = True
        return bool(isolate.call(self.context, self.dispatch, arguments, quick=quick))

    def deliver(self, records: bytes, attachments: list[bytes]) -> bool:
        """Hand in the runner's records; False when terminated."""
        isolate = self.isolate
        buffers = [isolate.array_buffer(data) for data in attachments]
        return bool(self.call(Code.DELIVER, isolate.string(records), *buffers))

    def report_rejections(self) -> bool:
        """Tell the core of promises that were rejected in this turn; False when terminated."""
        isolate = self.isolate
        rejections, isolate.rejections = isolate.rejections, []
        going = True
        for promise, reason in rejections:
            if going:
                later = isolate.engine.small_integers[0 if reason else 1]
                going = bool(self.call(Code.REJECTED, later, promise, reason or promise))
            isolate.drop(promise)
            if reason:
                isolate.drop(reason)
        return going

    def take(self) -> Taken | None:
        """Read what the turn produced; ``None`` when terminated."""
        result = self.call(Code.TAKE)
        if not result:
            return None
        isolate, abi = self.isolate, self.isolate.abi
        attachments: list[bytes] = []
        if abi.value_is_string(result):
            text = isolate.text(result)
        else:
            count = abi.array_length(result)
            first = abi.object_get_index(result, self.context, 0)
            if not first:
                return None
            text = isolate.text(first)
            for index in range(1, count):
                view = abi.object_get_index(result, self.context, index)
                if not view:
                    return None
                attachments.append(isolate.view_bytes(view))
        head, _, records = text.partition(b"\n")
        state = head[:2].decode() if head[:1] == b"D" else head[:1].decode()
        timer = head[len(state) :]
        return Taken(state, int(timer) if timer else None, records, attachments)

    def describe(self, value: int) -> ErrorInfo:
        """Describe a thrown value."""
        result = self.call(Code.DESCRIBE, value)
        if not result:
            return ErrorInfo("Error", "an error that could not be described")
        described = _describe_decoder.decode(self.isolate.text(result))
        return ErrorInfo(described.name, described.message, described.stack)
