"""Commands that take tasks, started as users start them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.conftest import Running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.conftest import Cli

SCRIPTS = {
    "hello.js": "export default { async task(payload) { return { hello: payload.name } } }",
    "workers/process.js": "export default { task: ({ data }) => data.reduce((a, b) => a + b) }",
    "workers/task.js": 'import { twice } from "../lib/twice.js"; export default { task: twice }',
    "lib/twice.js": "export const twice = (n) => 2 * n",
    "typed.ts": "export default { task(payload: { n: number }): number { return payload.n + 1 } }",
    "event.js": """addEventListener('task', (event) => event.respondWith({
        id: typeof event.taskId, attempt: event.attempt, payload: event.payload, time: event.scheduledTime ?? null }))""",
    "own.js": "export default { task: (p) => p }",
    "throws.js": "export default { task() { throw new TypeError('thrown') } }",
    "broken.js": "export default {",
    "none.js": "export default { fetch() {} }",
    "loop.js": "export default { task() { for (;;); } }",
    "slow.js": """export default { async task(ms, env, ctx) {
        console.log('slow begins');
        await new Promise((resolve) => setTimeout(resolve, ms));
        return ctx.isShuttingDown();
    } }""",
    "circle.js": "export default { task() { const a = {}; a.a = a; return a } }",
    "big.js": "export default { task: (n) => 'x'.repeat(n) }",
    "nul.js": "export default { task: () => 'a\\u0000b' }",
    "nothing.js": "export default { task() {} }",
    "context.js": "export default { task: (p, env, ctx) => ({ env, task: ctx.task }) }",
    "noise.js": "export default { task() { console.log('NOISE'); return 1 } }",
}


@pytest.fixture
def root(cli: Cli) -> Path:
    for name, text in SCRIPTS.items():
        cli.write(f"root/{name}", text)
    return cli.folder / "root"


@pytest.fixture
def start(cli: Cli, root: Path) -> Iterator[Callable[..., Running]]:
    """Start a command and wait until it is ready; it is ended when the test ends."""
    started: list[Running] = []

    def start(*arguments: Any, **environ: str) -> Running:
        environ = {"WORKER_POOL_SIZE": "2", "ISOLATE_HOSTS": "1", "V8_EXECUTE": "POOLED"} | environ
        started.append(Running(cli, *arguments, **environ))
        started[-1].wait_for("ready.")
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.stop()
