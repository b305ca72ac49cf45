"""One V8 isolate: a heap of its own, which one thread enters at a time.

An isolate must be entered (:meth:`Isolate.enter`) before anything but :meth:`~Isolate.terminate`, :meth:`~Isolate.sample`
and :meth:`~Isolate.dispose` is called. Handles made while it is entered die when it is left; :class:`Handle` keeps one.
"""

from __future__ import annotations

import ctypes as c
from typing import TYPE_CHECKING, Final, NamedTuple

from pools.errors import EngineError
from pools.v8 import abi as v8
from pools.v8.sources import SourceShelf

if TYPE_CHECKING:
    from pools.v8.engine import Engine
    from pools.v8.modules import ModuleGraph
    from pools.v8.realm import Realm

_TEXT_BUFFER_BYTES: Final = 1 << 13
_MAX_CONSTANTS: Final = 32


class HeapUsage(NamedTuple):
    """Sizes in bytes."""

    used: int
    external: int
    """ArrayBuffers and other memory outside of V8's heap that lives as long as its objects."""


class Rejection(NamedTuple):
    """A promise that was rejected without a handler; both are global handles."""

    promise: int
    reason: int


class Isolate:
    """A V8 isolate from the engine's snapshot, for the thread that makes it; :class:`SharedIsolate` is for several.

    Parameters
    ----------
    engine
        V8, started in this process.
    heap_initial_mb, heap_max_mb
        Size of the heap (old generation). External memory is bounded by the same figure, on top, by whoever calls
        :meth:`sample`.

    """

    def __init__(self, engine: Engine, heap_initial_mb: int, heap_max_mb: int) -> None:
        abi = engine.abi
        self.engine = engine
        self.abi = abi
        self.heap_max_bytes = heap_max_mb << 20
        self.heap_exhausted = False
        """The heap limit was met: the running execution was terminated, and the isolate must be disposed."""
        self.external_bytes = 0
        """Of the last :meth:`sample`."""
        self.sources = SourceShelf(self)
        self._constants: dict[bytes, int] = {}
        self.modules: ModuleGraph | None = None
        """The running execution's modules, for V8's callbacks."""
        self.realm: Realm | None = None
        """The running execution's context, for natives that keep something for it."""
        self.rejections: list[Rejection] = []
        self.uncaught: list[str] = []
        self._storage = c.create_string_buffer(
            c.sizeof(v8.HandleScope) + c.sizeof(v8.TryCatch) + c.sizeof(v8.HeapStatistics)
        )
        self._scope = c.addressof(self._storage)
        self.try_catch = self._scope + c.sizeof(v8.HandleScope)
        self._statistics = self.try_catch + c.sizeof(v8.TryCatch)
        self._arguments = (c.c_uint64 * 8)()
        self._text_buffer = c.create_string_buffer(_TEXT_BUFFER_BYTES)
        self._text_address = c.addressof(self._text_buffer)

        params = engine.create_params()
        constraints = params.constraints
        constraints.max_old_generation_size_ = self.heap_max_bytes
        constraints.initial_old_generation_size_ = min(heap_initial_mb, heap_max_mb) << 20
        self.pointer: int = abi.isolate_new(c.addressof(params))
        if not self.pointer:
            raise EngineError(
                "V8 could not make an isolate: the machine is out of memory or address space."
            )
        engine.isolates[self.pointer] = self
        callbacks = engine.callbacks
        abi.add_near_heap_limit_callback(self.pointer, callbacks.near_heap_limit, self.pointer)
        abi.set_promise_reject_callback(self.pointer, callbacks.promise_reject)
        abi.set_import_dynamically_callback(self.pointer, callbacks.import_dynamically)
        abi.set_import_meta_callback(self.pointer, callbacks.import_meta)
        self.enter()
        abi.add_message_listener(self.pointer, callbacks.message, None)
        if not engine.small_integers:
            engine.learn_small_integers(self.pointer)
        self.leave()

    def check_snapshot(self) -> None:
        """Look for the core in a context of this isolate, which must not be entered.

        Raises
        ------
        EngineError
            The blob that V8 was started with is not one of ours: contexts from it would lack everything.

        """
        abi, none = self.abi, v8.NO_CALLBACK
        self.enter()
        context = abi.context_new(self.pointer, None, None, None, none, None, none, none)
        ours = (
            bool(context)
            and abi.context_embedder_fields(context) > v8.DISPATCH_SLOT
            and abi.value_is_function(abi.context_embedder_data(context, v8.DISPATCH_SLOT))
        )
        self.leave()
        if not ours:
            raise EngineError(
                "The V8 snapshot does not hold Isolane's core. Rebuild it: isolane snapshot"
            )

    def dispose(self) -> None:
        """Free the isolate and its heap; it must not be entered by any thread."""
        pointer, self.pointer = self.pointer, 0
        if pointer:
            del self.engine.isolates[pointer]
            self.abi.isolate_dispose(pointer)

    # -- entering -----------------------------------------------------------------------------------------------------

    def enter(self) -> None:
        """Make the isolate this thread's current one and open a handle scope."""
        abi, pointer = self.abi, self.pointer
        abi.isolate_enter(pointer)
        abi.handle_scope_init(self._scope, pointer)

    def leave(self) -> None:
        """Close the handle scope; no isolate is current."""
        abi = self.abi
        abi.handle_scope_exit(self._scope)
        abi.isolate_exit(self.pointer)

    # -- limits -------------------------------------------------------------------------------------------------------

    def terminate(self) -> None:
        """Stop the running JavaScript; from any thread. The isolate is of no further use."""
        self.abi.terminate_execution(self.pointer)

    def request_sample(self) -> None:
        """Have the running JavaScript interrupted to take a :meth:`sample`; from any thread."""
        self.abi.request_interrupt(self.pointer, self.engine.callbacks.interrupt, self.pointer)

    def heap_usage(self) -> HeapUsage:
        """Return the heap's size; about 2 us."""
        self.abi.heap_statistics(self.pointer, self._statistics)
        statistics = v8.HeapStatistics.from_address(self._statistics)
        return HeapUsage(statistics.used_heap_size_, statistics.external_memory_)

    def press(self) -> None:
        """Have the running JavaScript interrupted to collect garbage; from any thread."""
        self.abi.memory_pressure(self.pointer, v8.PRESSURE_CRITICAL)

    def relieve(self) -> None:
        """Collect all garbage that can be found, and give memory back."""
        self.abi.low_memory(self.pointer)

    # -- values -------------------------------------------------------------------------------------------------------

    def string(self, data: bytes) -> int:
        """Return a local string of UTF-8 bytes.

        Raises
        ------
        EngineError
            The text is longer than V8's strings may be (about 512 MB).

        """
        abi = self.abi
        make = abi.string_from_utf8_quick if len(data) < v8.QUICK_BYTES else abi.string_from_utf8
        local: int = make(self.pointer, data, 0, len(data))
        if not local:
            raise EngineError(f"{len(data)} bytes are more than a JavaScript string can hold")
        return local

    def constant(self, data: bytes) -> int:
        """Return a string that is wanted again and again; it is kept."""
        kept = self._constants.get(data)
        if kept is None:
            if len(self._constants) >= _MAX_CONSTANTS:
                self.drop(self._constants.pop(next(iter(self._constants))))
            kept = self._constants[data] = self.keep(self.string(data))
        return kept

    def text(self, string: int) -> bytes:
        """Return a string's UTF-8 bytes; lone surrogates become U+FFFD."""
        abi = self.abi
        flags = v8.NO_NULL_TERMINATION | v8.REPLACE_INVALID_UTF8
        length = abi.string_length(string)
        if length * 3 <= _TEXT_BUFFER_BYTES:
            write = (
                abi.string_write_utf8_quick if length < v8.QUICK_BYTES else abi.string_write_utf8
            )
            size = write(string, self.pointer, self._text_address, _TEXT_BUFFER_BYTES, None, flags)
            return c.string_at(self._text_address, size)
        size = abi.string_utf8_length(string, self.pointer)
        # V8 replaces a lone surrogate (3 bytes as counted) by U+FFFD (3 bytes): the sizes agree.
        buffer = c.create_string_buffer(size)
        written = abi.string_write_utf8(
            string, self.pointer, c.addressof(buffer), size, None, flags
        )
        return c.string_at(c.addressof(buffer), written)

    def array_buffer(self, data: bytes) -> int:
        """Return a local ArrayBuffer with a copy of ``data``."""
        local: int = self.abi.array_buffer_new(self.pointer, len(data), 0)
        if not local:
            raise EngineError(f"no memory for an ArrayBuffer of {len(data)} bytes")
        if data:
            c.memmove(self.abi.array_buffer_data(local), data, len(data))
        return local

    def view_bytes(self, view: int) -> bytes:
        """Return a copy of a view's bytes."""
        size = self.abi.view_byte_length(view)
        if not size:
            return b""
        data = self.abi.array_buffer_data(self.abi.view_buffer(view))
        return c.string_at(data + self.abi.view_byte_offset(view), size)

    def keep(self, local: int) -> int:
        """Make a global handle, which can be used like a local one until :meth:`drop`."""
        kept: int = self.abi.globalize(self.pointer, c.c_uint64.from_address(local).value)
        return kept

    def drop(self, kept: int) -> None:
        """Free a global handle."""
        self.abi.dispose_global(kept)

    def same(self, one: int, other: int) -> bool:
        """Whether two handles hold the identical object."""
        return c.c_uint64.from_address(one).value == c.c_uint64.from_address(other).value

    def call(
        self, context: int, function: int, arguments: tuple[int, ...], *, quick: bool = False
    ) -> int:
        """Call a function; 0 when it threw or was terminated.

        Microtasks run before it returns. The exception is reported to the message listener unless a TryCatch is open.
        A ``quick`` call keeps the GIL: it must not run tenant code, which then nobody could stop.
        """
        slots = self._arguments
        for index, argument in enumerate(arguments):
            slots[index] = argument
        abi = self.abi
        function_call = abi.function_call_quick if quick else abi.function_call
        result: int | None = function_call(
            function, context, function, len(arguments), c.addressof(slots)
        )
        return result or 0


class SharedIsolate(Isolate):
    """An isolate that any thread may enter when no other is in it.

    It costs 5 us an execution more. Once V8 has seen a lock, it wants every isolate of the process locked.
    """

    def __init__(self, engine: Engine, heap_initial_mb: int, heap_max_mb: int) -> None:
        self._lock = c.create_string_buffer(c.sizeof(v8.Locker))
        self._locker = c.addressof(self._lock)
        super().__init__(engine, heap_initial_mb, heap_max_mb)

    def enter(self) -> None:
        """Lock the isolate for this thread, and enter it."""
        self.abi.locker_init(self._locker, self.pointer)
        super().enter()

    def leave(self) -> None:
        """Leave the isolate, and unlock it."""
        super().leave()
        self.abi.locker_exit(self._locker)
