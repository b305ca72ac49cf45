"""Strips types from TypeScript: in an isolate like any other, with a tool from the snapshot's bundle as the worker.

Must not know where files come from.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pools.protocol import OutcomeKind
from runner.deployments import make_deployment, make_limits
from runner.errors import DeploymentError
from runner.events.task import TaskEvent, encode_task, read_result

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.deployments import Deployment
    from runner.dispatch import Dispatcher

_SUFFIXES: Final = (".ts", ".mts")
_MAX_KEPT_BYTES: Final = 64 << 20


class _Files(msgspec.Struct):
    files: dict[str, str]


class TypeStripper:
    """Keeps what it has stripped, by content. ``read_tool()`` returns the tool's module text."""

    def __init__(self, dispatcher: Dispatcher, read_tool: Callable[[], str]) -> None:
        self._dispatcher = dispatcher
        self._read_tool = read_tool
        self._tool: Deployment | None = None
        self._stripped: dict[bytes, str] = {}
        self._kept_bytes = 0

    async def strip(self, files: dict[str, str]) -> dict[str, str]:
        """Return the files with the types of the TypeScript ones gone, lines and columns kept.

        Raises
        ------
        DeploymentError
            A file is no TypeScript, or uses what can not be stripped.

        """
        keys = {path: _key(path, text) for path, text in files.items() if path.endswith(_SUFFIXES)}
        missing = {path: files[path] for path, key in keys.items() if key not in self._stripped}
        if missing:
            for path, text in (await self._run(missing)).items():
                if path in missing:
                    self._keep(keys[path], text)
        return files | {path: self._stripped[key] for path, key in keys.items()}

    async def _run(self, files: dict[str, str]) -> dict[str, str]:
        await self._dispatcher.serving()
        payload = msgspec.Raw(msgspec.json.encode({"files": files}))
        execution = self._dispatcher.start(self._deployment(), encode_task(TaskEvent(payload)))
        outcome = await execution.ended()
        error: Any = outcome.error
        if error is None and outcome.kind is OutcomeKind.OK:
            result = read_result(execution.result)
            if result.success:
                stripped = msgspec.json.decode(result.data, type=_Files).files
                if stripped.keys() >= files.keys():
                    return stripped
            error = result.failure()
        reason = f"{error.name}: {error.message}" if error is not None else f"{outcome.kind}"
        raise DeploymentError(f"the types can not be stripped: {reason}")

    def _deployment(self) -> Deployment:
        if self._tool is None:
            self._tool = make_deployment(
                tenant="isolane",
                worker="isolane",
                name="strip-types",
                main="strip-types.js",
                files={"strip-types.js": self._read_tool()},
                variables={},
                limits=make_limits(cpu_ms=20_000, wall_ms=30_000, ops={}),
            )
        return self._tool

    def _keep(self, key: bytes, text: str) -> None:
        if self._kept_bytes > _MAX_KEPT_BYTES:
            self._stripped.clear()
            self._kept_bytes = 0
        self._stripped[key] = text
        self._kept_bytes += len(text)


def _key(path: str, text: str) -> bytes:
    return hashlib.blake2b(f"{path}\n{text}".encode(), digest_size=16).digest()
