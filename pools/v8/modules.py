"""A deployment's ES modules in one context: compiled, linked, evaluated.

The strings that they are compiled from are kept by :mod:`pools.v8.sources`.
"""

from __future__ import annotations

import ctypes as c
from typing import TYPE_CHECKING

from pools.protocol import ErrorInfo
from pools.v8 import abi as v8
from pools.v8.built_in import BUILT_IN
from pools.v8.realm import Code

if TYPE_CHECKING:
    from pools.v8.realm import Realm
    from pools.v8.sources import Program


class ModuleGraph:
    """The modules of one realm. Made, loaded and asked in the turns of one execution.

    Handles are local ones until :meth:`keep`, but for those of modules that V8 asked for in a callback. :meth:`close`
    frees what is global, with the isolate entered.
    """

    def __init__(self, realm: Realm, program: Program) -> None:
        self._realm = realm
        self._program = program
        self._modules: dict[str, int] = {}
        self._paths: dict[int, str] = {}
        self._kept: set[int] = set()
        self.namespace = 0
        self._evaluation = 0

    # -- loading ------------------------------------------------------------------------------------------------------

    def load(self) -> ErrorInfo | None:
        """Compile, link and begin to evaluate the main module; the context must be entered.

        Returns the error of code that does not compile or link, or of a termination (which the caller knows of by
        itself). Afterwards :attr:`namespace` is set, and :meth:`evaluated` tells how evaluation goes.
        """
        main = self._link()
        if main:
            realm, abi = self._realm, self._realm.isolate.abi
            evaluation = abi.module_evaluate(main, realm.context)
            if not evaluation:
                return ErrorInfo("Error", "the module's evaluation was terminated")
            self.namespace = abi.module_namespace(main)
            self._evaluation = evaluation
            return None
        # Once more, to catch the error: a TryCatch around what nearly always succeeds costs more than this.
        isolate = self._realm.isolate
        isolate.uncaught.clear()
        abi, try_catch = isolate.abi, isolate.try_catch
        abi.try_catch_init(try_catch, isolate.pointer)
        self._link()
        error = self._caught(try_catch)
        abi.try_catch_exit(try_catch)
        return error

    def _link(self) -> int:
        """Compile and link the main module; 0 when that failed."""
        realm = self._realm
        main = self._compile(self._program.main)
        resolve = realm.isolate.engine.callbacks.resolve_module
        linked = main and realm.isolate.abi.module_instantiate(main, realm.context, resolve, None)
        return main if linked & 1 else 0

    def evaluated(self) -> bool | ErrorInfo:
        """Return whether the top level has run to its end; its error when it threw."""
        abi = self._realm.isolate.abi
        state = abi.promise_state(self._evaluation)
        if state == v8.PROMISE_PENDING:
            return False
        if state == v8.PROMISE_REJECTED:
            abi.promise_mark_handled(self._evaluation)
            return self._realm.describe(abi.promise_result(self._evaluation))
        return True

    def keep(self) -> None:
        """Let the handles outlive the present entry of the isolate."""
        if self.namespace in self._kept:
            return
        self.namespace = self._keep(self.namespace)
        self._evaluation = self._keep(self._evaluation)
        for path, module in self._modules.items():
            if module not in self._kept:
                self._modules[path] = self._keep(module)

    def _keep(self, local: int) -> int:
        kept = self._realm.isolate.keep(local)
        self._kept.add(kept)
        return kept

    def close(self) -> None:
        """Free the global handles."""
        for kept in self._kept:
            self._realm.isolate.drop(kept)
        self._kept.clear()

    def _compile(self, path: str) -> int:
        isolate = self._realm.isolate
        prepared = isolate.sources.get(self._program, path)
        abi = isolate.abi
        cached = prepared.cached_data
        option = v8.CONSUME_CODE_CACHE if cached is not None else v8.NO_COMPILE_OPTIONS
        compile_module = abi.compile_module_quick if prepared.small else abi.compile_module
        module: int | None = compile_module(isolate.pointer, prepared.address, option, 0)
        if cached is not None and cached.rejected:
            # Made by another V8 or with other flags; the source was compiled.
            prepared.cached_data = None
            prepared.source.cached_data = None
        if not module:
            return 0
        self._modules[path] = module
        return module

    def _path_of(self, module: int) -> str:
        """Return the path of a module that V8 names in a callback: by another handle than ours."""
        abi = self._realm.isolate.abi
        if len(self._paths) < len(self._modules):
            self._paths = {
                abi.module_script_id(known): path for path, known in self._modules.items()
            }
        return self._paths.get(abi.module_script_id(module), "")

    def _caught(self, try_catch: int) -> ErrorInfo:
        realm, abi = self._realm, self._realm.isolate.abi
        if not abi.try_catch_has_caught(try_catch) or abi.try_catch_has_terminated(try_catch):
            return ErrorInfo("Error", "the module could not be loaded")
        exception = abi.try_catch_exception(try_catch)
        message = abi.try_catch_message(try_catch)
        abi.try_catch_reset(try_catch)
        described = realm.describe(exception)
        if not message:
            return described
        resource = abi.message_resource(message)
        file = (
            realm.isolate.text(resource).decode()
            if resource and abi.value_is_string(resource)
            else ""
        )
        line = abi.message_line(message, realm.context) >> 32
        column = abi.message_column(message) + 1
        return ErrorInfo(described.name, described.message, described.stack, file, line, column)

    # -- V8's questions -----------------------------------------------------------------------------------------------

    def is_of(self, context: int) -> bool:
        """Whether ``context`` is the one of these modules."""
        return self._realm.isolate.same(context, self._realm.context)

    def url_of(self, module: int) -> str:
        """Return ``import.meta.url`` of a module."""
        path = self._path_of(module)
        return path if path in BUILT_IN else f"file:///{path}"

    def exports_of(self, module: int) -> int:
        """Return what a built-in module exports, for its ``import.meta.exports``; 0 for any other module."""
        built_in = BUILT_IN.get(self._path_of(module))
        if built_in is None:
            return 0
        chunk = self._realm.isolate.string(built_in.chunk.encode())
        return self._realm.call(Code.BUILT_IN, chunk)

    def resolve(self, specifier: str, referrer: int) -> int | None:
        """Return the module that a static import means, or throw into JavaScript."""
        return self._find(specifier, self._path_of(referrer) or self._program.main)

    def _find(self, specifier: str, referrer: str) -> int | None:
        path = self._program.resolve(specifier, referrer)
        if path is None:
            self._throw(self._not_found(specifier, referrer))
            return None
        known = self._modules.get(path)
        if known is None and self._compile(path):
            # This runs in a callback, whose handles die with it.
            known = self._modules[path] = self._keep(self._modules[path])
        return known

    def _not_found(self, specifier: str, referrer: str) -> str:
        if specifier.startswith((".", "/", "file:")):
            return f"Cannot find module '{specifier}' imported from '{referrer}'"
        if specifier.startswith("node:"):
            return f"Cannot import '{specifier}' from '{referrer}': of Node's modules there is {', '.join(BUILT_IN)}"
        return (
            f"Cannot import '{specifier}' from '{referrer}': a deployment's modules import its own files, by paths that "
            "begin with ./ or ../ . Bundle packages into the deployment"
        )

    def _throw(self, text: str) -> None:
        isolate = self._realm.isolate
        isolate.abi.throw_exception(
            isolate.pointer, isolate.abi.type_error(isolate.string(text.encode()), None)
        )

    def import_dynamically(self, specifier: str, referrer: str) -> int | None:
        """Answer ``import(specifier)``: a promise for the namespace, rejected when there is none; ``None`` when terminated."""
        abi = self._realm.isolate.abi
        try_catch = c.create_string_buffer(c.sizeof(v8.TryCatch))
        abi.try_catch_init(try_catch, self._realm.isolate.pointer)
        promise = self._import(specifier, referrer)
        if (
            not promise
            and abi.try_catch_has_caught(try_catch)
            and not abi.try_catch_has_terminated(try_catch)
        ):
            error = abi.try_catch_exception(try_catch)
            abi.try_catch_reset(try_catch)
            # V8 would let it be thrown by the expression itself.
            promise = self._realm.call(Code.IMPORTED, error, error, error)
        abi.try_catch_exit(try_catch)
        return promise or None

    def _import(self, specifier: str, referrer: str) -> int:
        """Return the promise; 0 with an exception thrown."""
        realm, abi = self._realm, self._realm.isolate.abi
        module = self._find(specifier, referrer)
        if not module:
            return 0
        resolve = realm.isolate.engine.callbacks.resolve_module
        if not abi.module_instantiate(module, realm.context, resolve, None) & 1:
            return 0
        evaluation = abi.module_evaluate(module, realm.context)
        if not evaluation:
            return 0
        abi.promise_mark_handled(evaluation)
        return realm.call(Code.IMPORTED, evaluation, abi.module_namespace(module))

    # -- code caches --------------------------------------------------------------------------------------------------

    def code_caches(self) -> dict[str, bytes]:
        """Make code caches of the loaded modules that have none yet; the isolate must be entered."""
        isolate, abi = self._realm.isolate, self._realm.isolate.abi
        made: dict[str, bytes] = {}
        for path, module in self._modules.items():
            if path in self._program.caches or path in BUILT_IN:
                continue
            pointer = abi.create_code_cache(abi.module_unbound(module))
            if pointer:
                cached = v8.CachedData.from_address(pointer)
                made[path] = c.string_at(cached.data, cached.length)
                abi.cached_data_exit(pointer)
                isolate.engine.free(pointer)
        return made
