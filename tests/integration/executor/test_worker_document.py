"""The worker queue's document, walked through from its first line to its last; docs/worker-queue.md says what one does instead.

Its TypeScript runs as it is written, with the two files that our page has for it; only ids are others.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import psycopg

from runner.client import TaskConflictError, open_tasks
from runner.config import load_settings
from tests.integration.conftest import Dev, Running

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.client import TaskEvent, Tasks
    from tests.integration.conftest import Cli

ROOT = Path(__file__).parents[3]
DOCUMENT = (Path(__file__).parent / "documents" / "worker-queue.md").read_text()
PAGE = (ROOT / "docs" / "worker-queue.md").read_text()
ENVIRONMENT = {
    # A worker's option: the variable.
    "workerId": "JOB_WORKER_ID",
    "concurrency": "JOB_CONCURRENCY",
    "pollInterval": "JOB_POLL_INTERVAL",
    "taskTimeout": "JOB_TIMEOUT",
    "lockDuration": "JOB_LOCK_DURATION",
    "taskTypes": "JOB_TASK_TYPES",
    "staleTaskCheckInterval": "JOB_STALE_CHECK_INTERVAL",
}
TOKEN = "0123456789abcdef-token"
INDEX = """
import { tasks, worker } from "./registration";
import { WorkerApp } from "./worker/run";
import * as creating from "./creating";
import * as repository from "./repository";
import * as scheduling from "./scheduling";
import * as cancelling from "./cancelling";
import * as retrying from "./retrying";

globalThis.processData = async (data) => `processed ${data}`;
worker.registerHandler({ type: "email:send", handler: async ({ task }) => ({ success: true, result: task.payload }) });
worker.registerHandler({ type: "email:fail", maxAttempts: 2, retry: { kind: "fixed", delay: 1 }, handler: async () => ({ success: false }) });
new WorkerApp().registerHandlers();

const steps = { creating, repository, scheduling, cancelling, retrying };
export default {
  tasks,
  async fetch(request) {
    const url = new URL(request.url);
    return Response.json(await steps[url.pathname.slice(1)].step(url.searchParams.get("id")) ?? null);
  },
};
"""


def blocks(language: str) -> list[str]:
    """Return the document's code in a language, in its order."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", DOCUMENT)


def step(block: str, last: str = "") -> str:
    """Return a module whose `step(id)` does what a block says; imports come first."""
    imports = "\n".join(line for line in block.splitlines() if line.startswith("import "))
    body = "\n".join(line for line in block.splitlines() if not line.startswith("import "))
    return f"{imports}\nexport async function step(id) {{\n{body.replace('taskId: 123', 'taskId: id')}\n{last}\n}}"


def parts(block: str) -> list[str]:
    """Return what stands under each of a block's comments at the beginning of a line."""
    return [part for part in re.split(r"(?m)^(?=// )", block) if part.strip()]


def sentences() -> list[str]:
    """Return the document's words outside of code: sentences, points, rows of tables."""
    text = re.sub(r"(?ms)^```.*?^```$", "", DOCUMENT)
    lines = [line.strip() for line in text.splitlines()]
    kept = [
        line for line in lines if line and not line.startswith(("#", "<!--", "|--", "| Variable"))
    ]
    return [re.sub(r"^(- |\d+\. )", "", line) for line in kept]


def plain(text: str) -> str:
    return " ".join(re.sub(r"[|*`]", " ", text).split())


def test_each_sentence_of_the_document_is_answered() -> None:
    """What only leads over to code is answered by the row for the code."""
    said = plain(PAGE)
    leading = {
        "Register it in `src/worker/run.ts`:",
        "Environment variables:",
        "Worker config options:",
    }
    missing = [one for one in sentences() if one not in leading and plain(one) not in said]
    assert missing == []


def test_the_documents_defaults_are_ours() -> None:
    rows = re.findall(r"(?m)^\| `(JOB_\w+)` \| (\d+) \|", DOCUMENT)
    assert [name for name, _ in rows] == ["JOB_CONCURRENCY", "JOB_TIMEOUT"]
    assert load_settings({}, Path("/nowhere")) == load_settings(dict(rows), Path("/nowhere"))


def write_worker(cli: Cli) -> None:
    """Write the document's code into a worker's folder."""
    creating, handler, registering, scheduling, managing, _, _ = blocks("typescript")
    by_use_case, by_repository = creating.split("// Or using the repository directly")
    head = by_use_case.partition("// Using")[0]
    cancelling, retrying, *_ = parts(managing)
    config, registration = re.findall(r"(?ms)^```ts\n(.*?)^```$", PAGE)
    statement = registering.split("// In WorkerApp.registerHandlers():")[1]
    (imported,) = [line for line in registering.splitlines() if line.startswith("import ")]
    run = (
        f'{imported}\nimport {{ worker }} from "../registration";\n'
        f"export class WorkerApp {{ worker = worker; registerHandlers() {{ {statement} }} }}"
    )
    files = {
        "index.ts": INDEX,
        "config.ts": config,
        "registration.ts": registration,
        "domain/worker.ts": "export const TaskHandlerRegistration = undefined;",
        "worker/handlers/my-handler.ts": handler,
        "worker/run.ts": run,
        "creating.ts": step(by_use_case, "return task;"),
        "repository.ts": step(head + by_repository, "return task;"),
        "scheduling.ts": step(head + scheduling.replace("await ctx", "return await ctx")),
        "cancelling.ts": step(head + cancelling.replace("await ctx", "return await ctx")),
        "retrying.ts": step(head + retrying.replace("await ctx", "return await ctx")),
    }
    for name, text in files.items():
        cli.write(f"w/book/src/{name}", text)
    cli.write("w/book/worker.toml", 'main = "src/index.ts"\n[[tasks]]\nbinding = "TASKS"\n')


def test_the_document_is_walked_through(
    cli: Cli, create_database: Callable[[str], str], nats_url: str
) -> None:
    write_worker(cli)
    development, migration = blocks("bash")
    assert "yarn migrate" in migration
    servers = {"DATABASE_URL": create_database("template1"), "NATS_SERVERS": nats_url}
    done = cli("migrate", "up", **servers)
    assert done.returncode == 0, done.stderr
    assert "yarn worker:dev" in development
    running = Dev(cli, "w", **servers)
    try:
        control = running.wait_for("Control ").removeprefix("Control ")
        token = running.wait_for("Token ").removeprefix("Token ")
        asyncio.run(develop(running, control, token))
        stats = cli("tasks", "stats", "--json")
        assert stats.returncode == 0, stats.stderr
        counts = json.loads(stats.stdout)
        names = {"pending", "running", "completed", "failed", "cancelled", "total"}
        assert names <= counts.keys()
        assert counts["total"] == sum(count for name, count in counts.items() if name != "total")
        cleaned = cli("tasks", "cleanup", "--older-than", "0s", "--json")
        assert json.loads(cleaned.stdout)["failed"] == counts["failed"] > 0
    finally:
        assert running.stop() == 0
    assert "yarn worker\n" in development
    produce(cli, servers)


async def develop(running: Dev, control: str, token: str) -> None:
    """Creating Tasks, Creating Task Handlers, Scheduling Tasks, Managing Tasks, Subscribing to Events."""

    async def get(path: str) -> Any:
        response = await asyncio.to_thread(running.get, "book", path)
        assert response.status_code == 200, response.text
        return response.json()

    async with open_tasks(control, token=token, tenant="dev") as tasks:
        async with tasks.listen() as events:
            one = await get("/creating")
            assert one["created"]
            task = await tasks.wait(one["id"], timeout_s=20)
            assert (task.status, task.priority, task.max_attempts) == ("completed", 10, 3)
            assert task.value()["template"] == "welcome"
            failed = (await tasks.enqueue("book", "email:fail")).task.id
            ended = await tasks.wait(failed, timeout_s=20)
            assert (ended.attempts, ended.error) == (2, "Task failed without error")
            await heard(events, one["id"], f"{failed}")
        two = await get("/repository")
        task = await tasks.wait(two["id"], timeout_s=20)
        assert (task.status, task.priority, task.value()) == (
            "completed",
            5,
            {"to": "user@example.com"},
        )
        mine = (await tasks.enqueue("book", "my-task:process", {"someData": "it"})).task.id
        assert await tasks.result(mine, timeout_s=20) == {
            "processed": True,
            "output": "processed it",
        }
        await managed(get, tasks)


async def heard(events: Any, completed: str, failed: str) -> None:
    """As in the document: one completed in so long, one failed for good after it had been tried again."""
    told: list[TaskEvent] = []
    async with asyncio.timeout(30):
        async for event in events:
            told.append(event)
            if event.event == "failed":
                break
    lines = [f"Task {one.task_id} completed in {one.duration_ms}ms" for one in told if one.event == "completed"]  # fmt: skip
    assert re.fullmatch(rf"Task {completed} completed in [\d.]+ms", lines[0])
    course = [(one.event, one.error) for one in told if f"{one.task_id}" == failed]
    # An executor that looks in the same moment may tell of its start first.
    course.remove(("created", None))
    assert course == [
        ("started", None),
        ("retrying", "Task failed without error"),
        ("started", None),
        ("failed", "Task failed without error"),
    ]


async def managed(get: Any, tasks: Tasks) -> None:
    """A task is scheduled in an hour, cancelled, and retried; what has ended can not be cancelled."""
    later = (await get("/scheduling"))["id"]
    task = await tasks.get(later)
    assert (task.status, task.type) == ("pending", "report:generate")
    assert 3500 < (task.scheduled_at - task.created_at).total_seconds() <= 3600
    assert msgspec.json.decode(task.payload) == {"reportId": 123}
    assert (await get(f"/cancelling?id={later}"))["status"] == "cancelled"
    assert (await get(f"/retrying?id={later}"))["id"] == later
    ended = await tasks.wait(later, timeout_s=20)
    assert (ended.status, ended.attempts) == ("failed", 1)
    assert ended.error == "No handler for task type: report:generate"
    try:
        await tasks.cancel(later)
    except TaskConflictError as error:
        assert "Cannot cancel task in status: failed." in str(error)  # noqa: PT017
    else:
        raise AssertionError


def produce(cli: Cli, servers: dict[str, str]) -> None:
    """`yarn worker`, with the options of a worker that the document shows."""
    options = re.findall(r"(?m)^  (\w+): (.+?),?(?: // .*)?$", blocks("typescript")[-1])
    assert [name for name, _ in options] == list(ENVIRONMENT)
    values = {name: json.loads(value) for name, value in options}
    environ = {
        ENVIRONMENT[name]: ",".join(value) if isinstance(value, list) else f"{value}"
        for name, value in values.items()
    }
    running = Running(
        cli, "serve", **servers, **environ, HTTP_ADDR="127.0.0.1:0", CONTROL_ADDR="127.0.0.1:0", CONTROL_TOKEN=TOKEN,
    )  # fmt: skip
    try:
        control = running.wait_for("Control ").removeprefix("Control ")
        running.reach()
        client = {"CONTROL_URL": control, "CONTROL_TOKEN": TOKEN}
        enqueue = ("tasks", "enqueue", "book", "--tenant", "dev", "--json", "--type")
        other = json.loads(cli(*enqueue, "my-task:process", **client).stdout)["task"]["id"]
        sent = cli(*enqueue, "email:send", "--payload", '{"to":"x"}', "--wait", "20", **client)
        assert json.loads(sent.stdout)["result"] == {"to": "x"}
        headers = {"authorization": f"Bearer {TOKEN}"}
        stats = httpx.get(f"{control}/admin/executors", headers=headers).json()["executors"][0]
        assert (stats["worker_id"], stats["concurrency"], stats["task_types"]) == (
            "my-worker-1",
            10,
            ["email:*", "report:*"],
        )
        assert (stats["tasks_processed"], stats["tasks_succeeded"]) == (1, 1)
        with psycopg.connect(servers["DATABASE_URL"]) as connection:
            row = connection.execute("SELECT status FROM tasks WHERE id = %s", [other]).fetchone()
        assert row == ("pending",)
    finally:
        assert running.stop() == 0
