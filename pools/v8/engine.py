"""V8 of this process: started once, in the only order that works.

The order matters: flags are frozen when the platform starts, and on CPUs with memory protection keys a thread that is older
than the platform dies when it first runs JavaScript (SEGV_PKUERR). So :func:`start` belongs into the main thread, before
any other thread exists.
"""

from __future__ import annotations

import ctypes as c
import shlex
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pools.errors import EngineError
from pools.v8 import abi as v8
from pools.v8.callbacks import Callbacks
from pools.v8.natives import Natives
from pools.v8.parcel import Parcel, unpack

if TYPE_CHECKING:
    from collections.abc import Callable

    from pools.v8.isolate import Isolate

FLAGS: Final = (
    # Where V8 13.1's optimiser unrolls an inner loop, it drops the interrupt check of the outer one, too: an endless
    # `new Array(1000)` could not be terminated any more (tests/conformance/test_limits.py has the corpus).
    "--no-turboshaft-loop-unrolling",
    # Lanes are the parallelism. Helper threads and write barriers of incremental marking cost a quarter of the CPU time
    # of a fresh context (238 -> 182 us); a full collection of a 50 MB heap stays under 20 ms.
    "--single-threaded-gc",
    "--no-incremental-marking",
    # Code is compiled where and when it gets hot, on the tenant's account. A compiler's thread falls behind by busy lanes, works for
    # contexts that have long ended, and keeps each of them alive until then: heaps filled up, and innocent executions ended.
    "--no-concurrent-recompilation",
    # V8 drops code that was not run for some collections: the first URL of an isolate that had seen none for a while
    # took 4 ms, because the whole script of the core had to be parsed again.
    "--no-flush-bytecode",
    # A function that was once compiled by the baseline compiler gets a feedback vector in each later context when it is first
    # called. Contexts that live for one event do not earn that back: a hello took 62 us instead of 44.
    "--no-sparkplug",
    # Compilation ends within the turn that asked for it, so that "nothing is pending" can be decided at once.
    "--no-wasm-async-compilation",
    # Else V8 puts SharedArrayBuffer into every context, of which a clock could be built.
    "--enable-sharedarraybuffer-per-context",
)
BAKED_IN: Final = (
    # Library features that the snapshot holds already, installed by pools.v8.blob.
    "--no-harmony-iterator-helpers",
    "--no-harmony-set-methods",
    "--no-harmony-intl-locale-info-func",
    "--no-js-promise-try",
)
_JITLESS: Final = "--jitless"


def flags_for(extra: str = "", *, jitless: bool = False) -> tuple[str, ...]:
    """Return all flags that V8 is started with; they are part of a snapshot's identity."""
    return (*FLAGS, *((_JITLESS,) if jitless else ()), *shlex.split(extra))


class Engine:
    """V8's functions, natives and snapshot, and the isolates by their address (for V8's callbacks)."""

    def __init__(self, abi: v8.Abi, data: bytes | None) -> None:
        blob, scripts = unpack(data) if data else Parcel(b"", {})
        self.abi = abi
        self.isolates: dict[int, Isolate] = {}
        self.natives = Natives(abi, scripts, self.isolates)
        self.version: str = abi.get_version().decode()
        self.callbacks = Callbacks(self)
        self.allocator: int = abi.new_array_buffer_allocator()
        # The blob's memory must outlive every isolate: with a freed one contexts silently lack our globals.
        self._blob_bytes = c.create_string_buffer(blob, len(blob)) if blob else None
        self._blob = (
            v8.StartupData(c.addressof(self._blob_bytes), len(blob))
            if blob and self._blob_bytes
            else None
        )
        self._free = c.CDLL(None).free
        self._free.restype = None
        self._free.argtypes = (c.c_void_p,)
        self.small_integers: list[int] = []
        self._small_integer_slots: c.Array[c.c_uint64] | None = None

    def create_params(self) -> v8.CreateParams:
        """Return parameters for an isolate from the engine's snapshot."""
        params = v8.CreateParams()
        self.abi.create_params_init(c.addressof(params))
        params.array_buffer_allocator = self.allocator
        params.external_references = c.addressof(self.natives.external_references)
        params.allow_atomics_wait = False
        if self._blob is not None:
            params.snapshot_blob = c.addressof(self._blob)
        return params

    def free(self, pointer: int) -> None:
        """Free memory that V8 allocated with ``new`` for its caller (malloc, on Linux)."""
        self._free(pointer)

    def learn_small_integers(self, isolate: int, count: int = 16) -> None:
        """Read how V8 tags small integers, once; needs an entered isolate and a handle scope.

        A tagged small integer is no heap object: a slot of ours that holds one is a valid ``Local`` in every isolate, and
        costs nothing per call.
        """
        tagged = [
            c.c_uint64.from_address(self.abi.integer_new(isolate, number)).value
            for number in range(count)
        ]
        slots = (c.c_uint64 * count)(*tagged)
        self._small_integer_slots = slots
        self.small_integers = [c.addressof(slots) + 8 * number for number in range(count)]


def start(
    flags: tuple[str, ...], blob: bytes | None, loaded: Callable[[], None] | None = None
) -> Engine:
    """Start V8 in this process.

    Parameters
    ----------
    flags
        From :func:`flags_for`.
    blob
        The startup snapshot that all isolates of the process are born from, in its parcel; ``None`` only to build one.
    loaded
        Called when V8 has opened all the files that it needs and has no thread yet.

    Raises
    ------
    EngineError
        Another thread exists already, the package is missing or has another version, or V8 does not know a flag.

    """
    if threading.active_count() > 1 or threading.current_thread() is not threading.main_thread():
        raise EngineError(
            "V8 must be started in the main thread before any other thread exists: older threads would crash in it."
        )
    abi = v8.load()
    _set_flags(abi, flags if blob is None else (*flags, *BAKED_IN))
    icu = Path(abi.path).parent / "stpyv8-icu" / "icudtl.dat"
    if not abi.initialize_icu(str(icu).encode()):
        raise EngineError(
            f"V8 can not read its ICU data at {icu}. Reinstall stpyv8=={v8.STPYV8_VERSION}."
        )
    if loaded is not None:
        loaded()
    _start_platform(abi)
    return Engine(abi, blob)


def _start_platform(abi: v8.Abi) -> None:
    """Start V8's platform.

    STPyV8's own way needs ``$HOME`` and makes a helper thread per core; with the collector and the optimiser on the lanes'
    threads one is enough.
    """
    platform, no_tracing = c.c_uint64(), c.c_uint64()
    abi.new_default_platform(c.addressof(platform), 1, 0, 0, c.addressof(no_tracing), 0)
    abi.initialize_platform(platform.value)
    abi.initialize(v8.BUILD_CONFIGURATION)


def _set_flags(abi: v8.Abi, flags: tuple[str, ...]) -> None:
    words = [b"isolane", *(flag.encode() for flag in flags)]
    argv = (c.c_char_p * (len(words) + 1))(*words, None)
    count = c.c_int(len(words))
    abi.set_flags(c.addressof(count), c.addressof(argv), True)
    unknown = [word.decode() for word in argv[1 : count.value] if word]
    if unknown:
        raise EngineError(
            f"V8 {abi.get_version().decode()} does not know: {' '.join(unknown)}. Check V8_FLAGS."
        )
