"""Making V8's startup snapshot. Belongs into a process of its own: V8 allows one blob per process."""

from __future__ import annotations

import ctypes as c
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from pools.errors import EngineError
from pools.v8 import abi as v8
from pools.v8.natives import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from pools.v8.engine import Engine

_LazyGlobal: TypeAlias = tuple[str, str, bool]
"""A global's name, what the core is asked for, and whether it is enumerable."""
_LAZIES: Final = """(function (natives) {
  const { lazies } = natives;
  natives.lazies = undefined;
  return lazies;
})"""
_JUST_TRUE: Final = 0x0101
"""``v8::Maybe<bool>``: there, and true."""
_SNAPSHOT_CREATOR_BYTES = 64
"""``v8::SnapshotCreator`` is one pointer; the wheel has no debug information on it, so there is room to spare."""
_EXTRAS = """(function (extras, natives) {
  natives.getFrame = extras.getContinuationPreservedEmbedderData;
  natives.setFrame = extras.setContinuationPreservedEmbedderData;
  for (const name of Object.getOwnPropertyNames(extras)) delete extras[name];
  return natives;
})"""
"""Of what V8 offers to embedders the core gets the value that goes along with each promise's reactions. The rest, a console
and tracing, is dropped: every context would have it.
"""


def create_blob(engine: Engine, core: str, warm_up: str, *, wasm: bool = True) -> bytes:
    """Return a startup snapshot whose default context has run the JavaScript core.

    Parameters
    ----------
    engine
        V8, started without a blob.
    core
        Text of ``(function (natives) { ...; return dispatch })``.
    warm_up
        Text of ``(function (dispatch) {...})``. It is run in a context of its own, which is thrown away: what V8 compiled for it
        stays, so that isolates are born with the code of what nearly all of them do, and with no other code.
    wasm
        Whether V8's flags leave WebAssembly in.

    Raises
    ------
    EngineError
        The core does not compile, throws, or returns no function.

    """
    return _Creator(engine, wasm=wasm).create(core, warm_up)


class _Creator:
    def __init__(self, engine: Engine, *, wasm: bool) -> None:
        self._engine = engine
        self._wasm = wasm
        self._abi = engine.abi
        self._scope = c.create_string_buffer(c.sizeof(v8.HandleScope))
        self._try_catch = c.create_string_buffer(c.sizeof(v8.TryCatch))
        self._isolate = 0
        self._natives = 0
        self._context = 0

    def create(self, core: str, warm_up: str) -> bytes:
        abi = self._abi
        creator = c.create_string_buffer(_SNAPSHOT_CREATOR_BYTES)
        params = self._engine.create_params()
        abi.snapshot_creator_init(creator, c.addressof(params))
        self._isolate = abi.snapshot_creator_isolate(creator)
        self._in_context(lambda: self._warm_up(core, warm_up))
        self._in_context(lambda: self._bear(creator, core))
        blob = abi.snapshot_creator_blob(creator, v8.KEEP_FUNCTION_CODE)
        if not blob.data:
            raise EngineError(
                "V8 made no snapshot: the script left something that can not be serialised."
            )
        return c.string_at(blob.data, blob.raw_size)

    def _in_context(self, work: Callable[[], None]) -> None:
        abi, none = self._abi, v8.NO_CALLBACK
        abi.handle_scope_init(self._scope, self._isolate)
        self._context = abi.context_new(self._isolate, None, None, None, none, None, none, none)
        abi.context_enter(self._context)
        abi.try_catch_init(self._try_catch, self._isolate)
        work()
        abi.try_catch_exit(self._try_catch)
        abi.context_exit(self._context)
        abi.handle_scope_exit(self._scope)

    def _warm_up(self, core: str, warm_up: str) -> None:
        dispatch = self._checked(self._run_core(core))
        function = self._checked(self._evaluate(warm_up, "isolane:warm-up"))
        arguments = (c.c_uint64 * 1)(dispatch)
        self._checked(
            self._abi.function_call(function, self._context, function, 1, c.addressof(arguments))
        )

    def _bear(self, creator: c.Array[c.c_char], core: str) -> None:
        self._install_library_features()
        dispatch = self._checked(self._run_core(core))
        self._abi.context_set_embedder_data(self._context, v8.DISPATCH_SLOT, dispatch)
        self._define_lazy_globals()
        none = v8.NO_CALLBACK
        self._abi.snapshot_creator_set_default(creator, self._context, none, none, none)

    def _checked(self, handle: int | None) -> int:
        if not handle or self._abi.try_catch_has_caught(self._try_catch):
            message = self._abi.try_catch_message(self._try_catch)
            text = self._text(self._abi.message_text(message)) if message else "no result"
            raise EngineError(f"The snapshot's script failed: {text}")
        return handle

    def _install_library_features(self) -> None:
        """Bake in what V8 would install into each new context: iterator helpers, set methods, Promise.try and the like.

        V8 keeps such features out of snapshots, because a flag can switch them off, and installs them one function at a time
        after a context was deserialised: a sixth of its cost. Contexts of our snapshot are born with them, and
        ``engine.FLAGS`` tells V8 not to install them again.
        """
        genesis = v8.Genesis(
            isolate_=self._isolate, result_=self._context, native_context_=self._context
        )
        self._abi.install_library_features(c.addressof(genesis))

    def _define_lazy_globals(self) -> None:
        """Give the global object what the core has left to V8's lazy data properties.

        Such a property costs a context one cell: the rest of it belongs to the isolate.
        """
        abi = self._abi
        take = self._checked(self._evaluate(_LAZIES, "isolane:lazies"))
        natives = (c.c_uint64 * 1)(self._natives)
        text = self._checked(abi.function_call(take, self._context, take, 1, c.addressof(natives)))
        properties = msgspec.json.decode(self._text(text), type=list[_LazyGlobal])
        target = abi.context_global(self._context)
        for name, data, enumerable in properties:
            done = abi.set_lazy_data_property(
                target,
                self._context,
                self._string(name),
                self._engine.natives.reveal,
                self._string(data),
                0 if enumerable else v8.NOT_ENUMERABLE,
                0,
                0,
            )
            if done != _JUST_TRUE:
                raise EngineError(f"The global {name} can not be defined.")

    def _run_core(self, core: str) -> int:
        abi = self._abi
        if self._wasm:
            # V8 would do this for each context that is made of the snapshot.
            abi.install_wasm(self._isolate, True)
        function = self._evaluate(core, "isolane:core")
        if not function:
            return 0
        natives = self._natives = abi.object_new(self._isolate)
        for name, callback in zip(NAMES, self._engine.natives.callbacks, strict=True):
            template = abi.function_template_new(
                self._isolate, callback, None, None, 0, 0, 0, None, 0, 0, 0
            )
            native = abi.function_template_get_function(template, self._context)
            abi.create_data_property(natives, self._context, self._string(name), native)
        take = self._checked(self._evaluate(_EXTRAS, "isolane:extras"))
        extras = (c.c_uint64 * 2)(abi.context_extras(self._context), natives)
        self._checked(abi.function_call(take, self._context, take, 2, c.addressof(extras)))
        arguments = (c.c_uint64 * 1)(natives)
        result: int | None = abi.function_call(
            function, self._context, function, 1, c.addressof(arguments)
        )
        return result or 0

    def _evaluate(self, text: str, name: str) -> int:
        source = v8.Source(source_string=self._string(text), resource_name=self._string(name))
        script = self._abi.script_compile_source(self._context, c.addressof(source), 0, 0)
        if not script:
            return 0
        result: int | None = self._abi.script_run(script, self._context)
        return result or 0

    def _string(self, text: str) -> int:
        data = text.encode()
        local: int = self._abi.string_from_utf8(self._isolate, data, 0, len(data))
        return local

    def _text(self, string: int) -> str:
        size = self._abi.string_utf8_length(string, self._isolate)
        buffer = c.create_string_buffer(size)
        self._abi.string_write_utf8(
            string, self._isolate, c.addressof(buffer), size, None, v8.NO_NULL_TERMINATION
        )
        return buffer.raw.decode(errors="replace")
