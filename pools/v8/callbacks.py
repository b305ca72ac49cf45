"""What V8 calls back: heap limit, interrupts, rejections, messages, module resolution.

One set per process; V8 hands in the isolate's address, or the callback asks for the current one. A callback runs on the thread
that is in the isolate. It must not raise: ctypes would print the exception and go on with a wrong result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pools.v8 import abi as v8
from pools.v8.isolate import Rejection

if TYPE_CHECKING:
    from pools.v8.engine import Engine
    from pools.v8.isolate import Isolate

_MAX_UNCAUGHT = 100


class Callbacks:
    """V8's callbacks, bound to an engine. Keeps their C entry points alive."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._abi = engine.abi
        self.near_heap_limit = v8.NearHeapLimitCallback(self._near_heap_limit)
        self.interrupt = v8.InterruptCallback(self._interrupt)
        self.promise_reject = v8.PromiseRejectCallback(self._promise_reject)
        self.message = v8.MessageCallback(self._message)
        self.import_dynamically = v8.ImportDynamicallyCallback(self._import_dynamically)
        self.import_meta = v8.ImportMetaCallback(self._import_meta)
        self.resolve_module = v8.ResolveModuleCallback(self._resolve_module)

    def _current(self) -> Isolate:
        return self._engine.isolates[self._abi.isolate_current()]

    def _near_heap_limit(self, pointer: int, current: int, initial: int) -> int:
        # The execution ends, but V8 needs room to unwind: with less than the initial limit a Map that rehashes kills
        # the process.
        isolate = self._engine.isolates[pointer]
        isolate.heap_exhausted = True
        self._abi.terminate_execution(pointer)
        return current + initial

    def _interrupt(self, pointer: int, _data: int) -> None:
        isolate = self._engine.isolates[pointer]
        isolate.external_bytes = isolate.heap_usage().external

    def _promise_reject(self, message: v8.PromiseRejectMessage) -> None:
        isolate = self._current()
        if message.event_ == v8.REJECT_WITH_NO_HANDLER:
            isolate.rejections.append(
                Rejection(isolate.keep(message.promise_), isolate.keep(message.value_))
            )
        elif message.event_ == v8.HANDLER_ADDED_AFTER_REJECT:
            for rejection in isolate.rejections:
                if rejection.reason and isolate.same(rejection.promise, message.promise_):
                    # Within one turn: it was never unhandled.
                    isolate.rejections.remove(rejection)
                    isolate.drop(rejection.promise)
                    isolate.drop(rejection.reason)
                    return
            isolate.rejections.append(Rejection(isolate.keep(message.promise_), 0))

    def _message(self, message: int, _error: int) -> None:
        # What nothing in the core has caught. Without a listener V8 would print it to the host's stdout.
        isolate = self._current()
        if len(isolate.uncaught) < _MAX_UNCAUGHT:
            isolate.uncaught.append(isolate.text(self._abi.message_text(message)).decode())

    def _resolve_module(
        self, _context: int, specifier: int, _attributes: int, referrer: int
    ) -> int | None:
        isolate = self._current()
        if isolate.modules is None:
            return None
        return isolate.modules.resolve(isolate.text(specifier).decode(), referrer)

    def _import_dynamically(
        self, context: int, _options: int, referrer: int, specifier: int, _attributes: int
    ) -> int | None:
        isolate = self._current()
        modules = isolate.modules
        name = isolate.text(specifier).decode()
        if modules is None or not modules.is_of(context):
            text = f"Cannot import '{name}': the execution that asked for it has ended".encode()
            self._abi.throw_exception(
                isolate.pointer, self._abi.type_error(isolate.string(text), None)
            )
            return None
        return modules.import_dynamically(name, isolate.text(referrer).decode())

    def _import_meta(self, context: int, module: int, meta: int) -> None:
        isolate = self._current()
        if isolate.modules is not None and isolate.modules.is_of(context):
            url = isolate.modules.url_of(module).encode()
            self._abi.create_data_property(
                meta, context, isolate.string(b"url"), isolate.string(url)
            )
            if exports := isolate.modules.exports_of(module):
                self._abi.create_data_property(meta, context, isolate.string(b"exports"), exports)
