"""Runs JavaScript test files of the web platform, each in an execution of its own on real hosts.

A file is a web-platform-test (``NAME.any.js``, ``NAME.worker.js``, ``NAME.window.js`` where it needs no document): scripts it names in ``META`` comments
come first, before them a harness. Must not know pytest or command lines.
"""

from __future__ import annotations

import re
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from pools.protocol import Mode, OutcomeKind
from runner.app import Runner
from runner.config import load_settings
from runner.deployments import make_deployment, make_limits
from runner.events.task import TaskEvent, encode_task, read_result
from runner.journal import Silence
from runner.ops.limits import DEFAULT_OP_LIMITS, OpLimit
from tests.js.server import PREFIX, Scenes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runner.deployments import Deployment

HERE: Final = Path(__file__).parent
SUITES: Final = HERE / "suites"
_META: Final = re.compile(r"^//\s*META:\s*(\w+)=(.*?)\s*$")
_IMPORT: Final = re.compile(r"importScripts\(([^)]*)\)")
_NAME: Final = re.compile(r"""["']([^"']+)["']""")
_SUBSTITUTION: Final = re.compile(r"\{\{(\w+)[^}]*\}\}")
_FILES: Final = (".any.js", ".worker.js", ".window.js")
_TIMEOUT_MS: Final = 30_000
_LONG_MS: Final = 120_000


class SubtestResult(msgspec.Struct, frozen=True):
    """One subtest as its harness told it; status as in testharness.js (0 is passed)."""

    name: str
    status: int
    message: str | None = None


class FileResult(msgspec.Struct, frozen=True):
    """All subtests of a file; ``status`` is not 0 when the file itself went wrong."""

    status: int
    message: str | None
    tests: list[SubtestResult]

    @property
    def passed(self) -> bool:
        return self.status == 0 and bool(self.tests) and not self.failures

    @property
    def failures(self) -> list[SubtestResult]:
        return [test for test in self.tests if test.status != 0]


@dataclass
class TestFile:
    """A test file with the scripts that it needs."""

    path: Path
    root: Path
    """Where absolute script paths begin: a checkout, or this folder."""
    text: str
    meta: dict[str, list[str]] = field(default_factory=dict)
    variant: str = ""
    """A query that the file reads in its location to run a part of its subtests, or nothing."""
    harness: Path | None = None
    """A testharness.js to use instead of the checkout's or ours."""

    @property
    def name(self) -> str:
        return self.path.relative_to(self.root).as_posix() + self.variant

    @property
    def timeout_ms(self) -> int:
        return _LONG_MS if "long" in self.meta.get("timeout", ()) else _TIMEOUT_MS

    def scripts(self) -> Iterator[tuple[str, str]]:
        """Give name and text of each script, the harness first."""
        of_root = self.root / "resources" / "testharness.js"
        harness = self.harness or (of_root if of_root.is_file() else HERE / "harness.js")
        yield "harness", harness.read_text("utf-8")
        for script in self.meta.get("script", ()):
            if (text := self._read(script)) is not None:
                yield script, text
        yield self.name, self.text

    def imports(self) -> dict[str, str]:
        """Return the scripts that calls of importScripts name, in whatever is run, by these names."""
        found: dict[str, str] = {}
        waiting = [text for name, text in self.scripts() if name != "harness"]
        while waiting:
            for name in _NAME.findall(" ".join(_IMPORT.findall(waiting.pop()))):
                with suppress(OSError):
                    if name not in found:
                        found[name] = self._read(name) or ""
                        waiting.append(found[name])
        return found

    def _read(self, script: str) -> str | None:
        """Return a script's text; None for the harness, which is there already."""
        path = self.root / script[1:] if script.startswith("/") else self.path.parent / script
        if path.name in {"testharness.js", "testharnessreport.js"}:
            return None
        return path.read_text("utf-8")


def read_test(path: Path, variant: str = "", harness: Path | None = None) -> TestFile:
    """Return a test file; its root is the checkout that it is in, or the folder of our suites and their data."""
    path = path.resolve()
    root = next(
        (folder for folder in path.parents if (folder / "resources/testharness.js").is_file()),
        HERE if path.is_relative_to(SUITES) else path.parent,
    )
    text = path.read_text("utf-8")
    meta: dict[str, list[str]] = {}
    for line in text.splitlines():
        if match := _META.match(line):
            meta.setdefault(match[1], []).append(match[2])
        elif line.strip() and not line.startswith("//"):
            break
    return TestFile(path, root, text, meta, variant, harness)


def read_variants(path: Path, harness: Path | None = None) -> list[TestFile]:
    """Return a test file once for each variant that it names, or once."""
    test = read_test(path, harness=harness)
    variants = test.meta.get("variant", ())
    return [read_test(path, variant, harness) for variant in variants] or [test]


def find_tests(paths: Iterable[Path]) -> list[Path]:
    """Return the test files among ``paths`` and in those of them that are folders, in a steady order."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(file for file in path.rglob("*.js") if file.name.endswith(_FILES))
        else:
            found.append(path)
    return found


def _substituted(name: str, text: str, base: str) -> str:
    """Return a script with the names of the server in it, as wptserve does for files with ``.sub.``."""
    if ".sub." not in name:
        return text
    host, _, port = base.removeprefix("http://").partition(":")
    values = {"ports": port, "host": host, "hosts": host, "domains": host}
    return _SUBSTITUTION.sub(lambda match: values.get(match[1], match[0]), text)


class _Fixtures(SimpleHTTPRequestHandler):
    """Serves the files beside the tests, and what suites of fetch want of a server."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *args: Any, scenes: Scenes, **options: Any) -> None:
        self._scenes = scenes
        super().__init__(*args, **options)

    def do_GET(self) -> None:
        if self.path.startswith(PREFIX):
            self._scenes.play(self)
        else:
            super().do_GET()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET  # noqa: N815 - as the base has it

    def do_HEAD(self) -> None:
        if self.path.startswith(PREFIX):
            self._scenes.play(self)
        else:
            super().do_HEAD()

    def handle(self) -> None:
        with suppress(ConnectionError):
            super().handle()

    def end_headers(self) -> None:
        self.send_header("access-control-allow-origin", "*")
        named = Path(self.translate_path(getattr(self, "path", "/")) + ".headers")
        if named.is_file():
            for line in named.read_text("latin-1").splitlines():
                name, _, value = line.partition(":")
                self.send_header(name, value.strip())
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base has it
        pass


class Platform:
    """Hosts in one pool mode that run test files; ``async with`` starts them."""

    def __init__(self, mode: Mode, *, snapshots: Path, environ: dict[str, str]) -> None:
        self._settings = load_settings(
            {
                **environ,
                "V8_EXECUTE": mode,
                "WORKER_POOL_SIZE": "2",
                "SNAPSHOT_DIR": str(snapshots),
                "FETCH_ALLOW_PRIVATE_NETWORK": "true",
                "ISOLATE_HEAP_MAX_MB": "512",
                **{f"LIMIT_{name.upper()}": "0" for name in DEFAULT_OP_LIMITS},
            },
            HERE,
        )
        self._runner = Runner(self._settings, Silence())
        self._stack = AsyncExitStack()
        self._servers: dict[Path, str] = {}
        self._worker = (HERE / "worker.js").read_text("utf-8")

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._runner)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def run(self, test: TestFile) -> FileResult:
        """Run one file to its end; whatever ends it otherwise is its status."""
        base = self._serve(test.root)
        try:
            payload = self._payload(test, base)
        except OSError as missing:
            return FileResult(1, f"{missing}", [])
        event = encode_task(TaskEvent(msgspec.Raw(msgspec.json.encode(payload))))
        execution = self._runner.dispatcher.start(self._deployment(test.timeout_ms), event)
        outcome = await execution.ended()
        if outcome.kind is not OutcomeKind.OK:
            error = outcome.error
            told = f"{outcome.kind}: {error.name}: {error.message}" if error else f"{outcome.kind}"
            return FileResult(1, told, [])
        return msgspec.json.decode(read_result(execution.result).data, type=FileResult)

    @staticmethod
    def _payload(test: TestFile, base: str) -> dict[str, Any]:
        """Return what worker.js is told, see there."""
        return {
            "base": f"{base}/{test.name}",
            "realm": "worker" if test.path.name.endswith(".worker.js") else "shell",
            "scripts": [
                {"name": name, "text": _substituted(name, text, base)}
                for name, text in test.scripts()
            ],
            "imports": {
                name: _substituted(name, text, base) for name, text in test.imports().items()
            },
        }

    def _deployment(self, timeout_ms: int) -> Deployment:
        free = {name: OpLimit(0, 0) for name in self._settings.op_limits}
        return make_deployment(
            tenant="web-platform",
            worker="web-platform",
            name="web-platform",
            main="worker.js",
            files={"worker.js": self._worker},
            variables={},
            limits=make_limits(cpu_ms=timeout_ms, wall_ms=timeout_ms, ops=free),
        )

    def _serve(self, root: Path) -> str:
        """Return the address of a server for the files of ``root``."""
        if root not in self._servers:
            handler = partial(_Fixtures, directory=str(root), scenes=Scenes())
            server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
            server.daemon_threads = True
            Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            self._stack.callback(server.server_close)
            self._stack.callback(server.shutdown)
            self._servers[root] = f"http://127.0.0.1:{server.server_address[1]}"
        return self._servers[root]
