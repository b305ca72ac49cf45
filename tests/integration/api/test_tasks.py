"""The durable queue through its doors: REST, command line and client, on a running `isolane dev`."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from runner.client import (
    NewTask,
    Retry,
    TaskConflictError,
    TaskFailedError,
    TaskNotFoundError,
    TaskRefusedError,
    TasksUnavailableError,
    open_tasks,
)
from runner.tasks.engine import open_engine
from runner.tasks.executor import Executor, ExecutorOptions
from runner.tasks.task import Completed, Failed
from runner.tasks.wakes import TaskWakes

if TYPE_CHECKING:
    import subprocess
    from collections.abc import AsyncIterator

    import httpx

    from runner.client import Tasks
    from runner.tasks.leases import Lease
    from runner.tasks.task import ClaimedTask, Outcome
    from tests.integration.conftest import Cli, Dev

TASKS = "/v1/tenants/dev/tasks"
LATER = (datetime.now(UTC) + timedelta(days=1)).isoformat()


async def execute(task: ClaimedTask, lease: Lease) -> Outcome:
    """Do what a script of that name says."""
    if task.script == "fail.js":
        return Failed(error="no luck", final=True)
    return Completed({"script": task.script, "attempt": task.attempts})


@asynccontextmanager
async def executing(url: str) -> AsyncIterator[None]:
    """Execute scripts, which the dev leaves alone."""
    async with open_engine(url) as engine, TaskWakes(url) as wakes:
        executor = Executor(engine, wakes, execute, ExecutorOptions(kinds=("script",)))
        executor.start()
        try:
            yield
        finally:
            await executor.stop()


@pytest.fixture
async def tasks(state: dict[str, str]) -> AsyncIterator[Tasks]:
    async with open_tasks(state["control"], token=state["token"], tenant="dev") as opened:
        yield opened


@pytest.fixture
def held(control: httpx.Client) -> str:
    """A queue that nothing is run from."""
    post(control, "/v1/tasks/queues/held/pause", None)
    return "held"


def post(control: httpx.Client, path: str, body: Any, status: int = 200) -> Any:
    response = control.post(path, json=body)
    assert response.status_code == status, response.text
    return response.json()


def get(control: httpx.Client, path: str, **query: Any) -> Any:
    response = control.get(path, params=query)
    assert response.status_code == 200, response.text
    return response.json()


def test_a_task_is_enqueued_with_all_that_was_said(control: httpx.Client) -> None:
    wanted = {
        "worker": "hello",
        "type": "email:send",
        "payload": {"to": "user@example.com"},
        "queue": "mail",
        "concurrencyKey": "user",
        "priority": 10,
        "maxAttempts": 5,
        "timeoutMs": 1000,
        "retry": {"kind": "linear", "delayMs": 50},
        "scheduledAt": LATER,
    }
    answer = post(control, TASKS, wanted)
    task = answer["task"]
    assert answer["created"]
    assert task == get(control, f"{TASKS}/{task['id']}")
    assert task["retry"]["maxDelayMs"] == 3_600_000
    said = {name: task[name] for name in wanted if name not in {"worker", "retry", "scheduledAt"}}
    assert said == {name: wanted[name] for name in said}
    assert (task["status"], task["kind"], task["attempts"]) == ("pending", "worker", 0)
    assert datetime.fromisoformat(task["scheduledAt"]) == datetime.fromisoformat(LATER)


def test_a_key_leads_to_the_task_that_is_live(control: httpx.Client) -> None:
    wanted = {"worker": "hello", "key": "once", "delayS": 3600}
    first, second = post(control, TASKS, wanted), post(control, TASKS, wanted)
    assert (first["created"], second["created"]) == (True, False)
    assert first["task"]["id"] == second["task"]["id"]
    post(control, f"{TASKS}/{first['task']['id']}/cancel", {})
    assert post(control, TASKS, wanted)["created"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 400, "names the worker"),
        ({"worker": "hello", "script": "a.js"}, 400, "names the worker"),
        ({"worker": "nobody"}, 404, "there is no worker 'nobody'"),
        ({"worker": "hello", "priority": 1000}, 400, "priority is -100 to 100"),
        ({"worker": "hello", "type": ""}, 400, "type is empty"),
        ({"worker": "hello", "payload": "\0"}, 400, "zero character"),
        ({"worker": "hello", "payload": "x" * (1 << 20)}, 413, "larger than"),
        ({"worker": "hello", "scheduledAt": "2030-01-01T00:00:00"}, 400, "scheduledAt"),
        ({"worker": "hello", "scheduledAt": LATER, "delayS": 1}, 400, "exclude each other"),
        ({"worker": "hello", "retry": {"factor": 0}}, 400, "factor is 1 to 100"),
        ({"worker": "hello", "maxAttempts": 0}, 400, "max_attempts is 1 to 1000"),
        ({"worker": "hello", "what": 1}, 400, "what"),
    ],
)
def test_what_can_not_be_is_refused(
    control: httpx.Client, body: dict[str, Any], status: int, said: str
) -> None:
    assert said in post(control, TASKS, body, status)["error"]["message"]


def test_many_are_enqueued_at_once_and_leafed_through(control: httpx.Client) -> None:
    one = {"worker": "hello", "queue": "many", "type": "bulk:one", "scheduledAt": LATER}
    done = post(control, f"{TASKS}/bulk", {"tasks": [one] * 70})
    ids = [task["id"] for task in done]
    assert len(set(ids)) == 70
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = get(control, TASKS, queue="many", type="bulk:*", limit=30, **cursor)
        seen += [task["id"] for task in page["tasks"]]
        if page["cursor"] is None:
            break
        cursor = {"cursor": page["cursor"]}
    assert seen == ids[::-1]
    assert get(control, TASKS, queue="many", status="running")["tasks"] == []
    assert get(control, f"{TASKS}/stats", queue="many")["pending"] == 70
    assert get(control, f"{TASKS}/queues")["many"]["total"] == 70
    refused = control.post(f"{TASKS}/bulk", json={"tasks": [one, {"worker": "nobody"}]})
    assert refused.status_code == 404
    assert get(control, f"{TASKS}/stats", queue="many")["pending"] == 70
    assert control.get(TASKS, params={"cursor": "x"}).status_code == 400


def test_a_tenants_tasks_are_not_there_for_others(control: httpx.Client) -> None:
    task = post(control, TASKS, {"worker": "hello", "scheduledAt": LATER})["task"]["id"]
    assert control.get(f"/v1/tenants/nobody/tasks/{task}").status_code == 404
    assert control.get(f"{TASKS}/{uuid4()}").status_code == 404
    assert get(control, f"/v1/tasks/{task}")["id"] == task


def test_a_task_can_be_paused_resumed_and_cancelled_once(control: httpx.Client) -> None:
    path = f"{TASKS}/{post(control, TASKS, {'worker': 'hello', 'delayS': 999})['task']['id']}"
    assert post(control, f"{path}/pause", None)["status"] == "paused"
    assert post(control, f"{path}/resume", None)["status"] == "pending"
    assert post(control, f"{path}/cancel", {"reason": "not now"})["error"] == "not now"
    again = post(control, f"{path}/cancel", {}, 409)["error"]["message"]
    assert again.startswith("Cannot cancel task in status: cancelled.")


def test_queues_have_rules(control: httpx.Client) -> None:
    rules = {"maxRunning": 3, "rateLimit": 10, "retry": {"kind": "fixed", "delayMs": 5}}
    path = "/v1/tasks/queues/ruled"
    assert control.put(path, json=rules).status_code == 200
    assert post(control, f"{path}/pause", None)["rules"]["paused"]
    found = {one["queue"]: one for one in get(control, "/v1/tasks/queues")}["ruled"]
    assert found["rules"]["retry"]["kind"] == "fixed"
    assert (found["rules"]["paused"], found["stats"]["total"]) == (True, 0)
    assert not post(control, f"{path}/resume", None)["rules"]["paused"]
    assert control.put(path, json={"rateLimit": 0}).status_code == 400
    assert control.delete(path).status_code == 204
    assert get(control, path)["rules"]["maxRunning"] is None
    limits = f"{TASKS}/limits"
    assert control.put(limits, json={"maxRunning": 5}).json() == get(control, limits)
    assert control.put(limits, json={}).json() == {"paused": False, "maxRunning": None}


def test_schedules_make_tasks(control: httpx.Client) -> None:
    path = f"{TASKS}/schedules"
    wanted = {"name": "often", "cron": "* * * * * *", "worker": "hello", "queue": "by-schedule"}
    made = post(control, path, wanted, 201)
    assert control.post(path, json=wanted).status_code == 409
    assert control.post(path, json=wanted | {"cron": "0 0 30 2 *"}).status_code == 400
    assert [one["name"] for one in get(control, path)] == ["often"]
    changed = control.put(path, json=wanted | {"cron": "*/5 * * * *", "missed": "all"}).json()
    assert (changed["id"], changed["cron"], changed["missed"]) == (made["id"], "*/5 * * * *", "all")
    assert post(control, f"{path}/{made['id']}/pause", None)["paused"]
    assert not post(control, f"{path}/{made['id']}/resume", None)["paused"]
    assert control.delete(f"{path}/{made['id']}").status_code == 204
    assert control.get(f"{path}/{made['id']}").status_code == 404


def test_the_api_is_described(control: httpx.Client) -> None:
    paths = control.get("/openapi.json").json()["paths"]
    assert {f"{TASKS}/{{task}}/cancel".replace("/dev/", "/{tenant}/"), "/v1/tasks/queues"} <= set(
        paths
    )


# --- the client ---------------------------------------------------------------------------------------------------


async def test_the_client_enqueues_reads_cancels_and_retries(tasks: Tasks, held: str) -> None:
    enqueued = await tasks.enqueue(
        "hello", "report:make", {"id": 1}, queue=held, priority=5, retry=Retry(kind="fixed")
    )
    task = enqueued.task
    assert (enqueued.created, task.status, task.priority) == (True, "pending", 5)
    assert not (await tasks.wait(task.id, timeout_s=0.01)).ended
    cancelled = await tasks.cancel(task.id, "too late")
    assert (cancelled.status, cancelled.error) == ("cancelled", "too late")
    with pytest.raises(TaskFailedError, match="is cancelled: too late"):
        await tasks.result(task.id, timeout_s=5)
    assert (await tasks.retry(task.id, reset_attempts=True)).status == "pending"
    with pytest.raises(TaskConflictError, match="Cannot retry task in status: pending"):
        await tasks.retry(task.id)
    with pytest.raises(TaskNotFoundError):
        await tasks.get(uuid4())
    with pytest.raises(TaskRefusedError, match="priority"):
        await tasks.enqueue("hello", priority=101)


async def test_the_client_enqueues_many_counts_and_cleans(tasks: Tasks) -> None:
    many = [NewTask(worker="hello", queue="client", delay_s=999) for _ in range(3)]
    for one in await tasks.enqueue_many(many):
        assert one.created
        await tasks.cancel(one.id)
    assert (await tasks.stats("client")).cancelled == 3
    page = await tasks.leaf(queue="client", limit=2)
    assert (len(page.tasks), page.cursor is None) == (2, False)
    assert (await tasks.clean(3600)).cancelled == 0
    assert (await tasks.clean(0, "cancelled")).cancelled >= 3
    assert (await tasks.stats("client")).total == 0


async def test_the_client_hears_what_happens_to_its_tenants_tasks(tasks: Tasks) -> None:
    async with tasks.listen(queue="heard") as events, asyncio.timeout(20):
        await tasks.enqueue("hello", queue="elsewhere", delay_s=999)
        task = (await tasks.enqueue("hello", queue="heard", delay_s=999)).task
        created = await anext(events)
        await tasks.cancel(task.id, "enough")
        cancelled = await anext(events)
    assert [created.event, cancelled.event] == ["created", "cancelled"]
    assert {created.task_id, cancelled.task_id} == {task.id}
    assert cancelled.reason == "enough"


async def test_a_runner_that_is_not_there_is_an_error_of_its_own() -> None:
    async with open_tasks("http://127.0.0.1:1", token="t" * 32, tenant="dev") as tasks:
        with pytest.raises(TasksUnavailableError):
            await tasks.stats()
        with pytest.raises(TasksUnavailableError):
            async with tasks.listen():
                pass


# --- the command line ---------------------------------------------------------------------------------------------


def said(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def isolane(running: tuple[Cli, Dev], state: dict[str, str]) -> Cli:
    return running[0]


def test_tasks_from_the_command_line(isolane: Cli) -> None:
    said(isolane("queues", "pause", "cli"))
    options = ("--type", "cli:one", "--payload", '{"a":1}', "--queue", "cli", "--delay", "1h")
    task = json.loads(said(isolane("tasks", "enqueue", "hello", *options, "--json")))["task"]["id"]
    assert task in said(isolane("tasks", "ls", "--queue", "cli", "--status", "pending"))
    assert '{"a":1}' in said(isolane("tasks", "show", task))
    assert "would be cancelled" in said(isolane("tasks", "cancel", task, "--dry-run"))
    assert "cancelled" in said(isolane("tasks", "cancel", task, "--reason", "by hand"))
    assert isolane("tasks", "cancel", task).returncode == 4
    assert isolane("tasks", "cancel", task, "--dry-run").returncode == 4
    assert "pending again" in said(isolane("tasks", "retry", task))
    said(isolane("tasks", "cancel", task))
    stats = json.loads(said(isolane("tasks", "stats", "--queue", "cli", "--json")))
    assert (stats["cancelled"], stats["total"]) == (1, 1)
    cleanup = ("tasks", "cleanup", "--older-than", "0s", "--status", "cancelled")
    assert "would be removed" in said(isolane(*cleanup, "--dry-run"))
    assert isolane("tasks", "show", task).returncode == 0
    assert "removed" in said(isolane(*cleanup))
    assert isolane("tasks", "show", task).returncode == 3


def test_wrong_uses_say_what_is_wrong(isolane: Cli) -> None:
    for arguments, text in (
        (("tasks", "enqueue"), "which worker?"),
        (("tasks", "enqueue", "hello", "--payload", "{"), "the payload is no JSON"),
        (("tasks", "cleanup", "--older-than", "soon"), "is no time"),
        (("tasks", "show", "x"), "task"),
        (("queues", "limit", "q"), "which limit?"),
    ):
        done = isolane(*arguments)
        assert (done.returncode, text in done.stderr) == (2, True), done.stderr


def test_queues_from_the_command_line(isolane: Cli) -> None:
    assert "paused: slow" in said(isolane("queues", "pause", "slow"))
    said(isolane("queues", "limit", "slow", "--max-running", "2", "--rate-limit", "7"))
    said(isolane("queues", "limit", "slow", "--rate-limit", "none"))
    rules = json.loads(said(isolane("queues", "show", "slow", "--json")))["rules"]
    assert (rules["paused"], rules["maxRunning"], rules["rateLimit"]) == (True, 2, None)
    assert "slow" in said(isolane("queues", "ls"))
    assert "resumed: slow" in said(isolane("queues", "resume", "slow"))
    assert "would be reset" in said(isolane("queues", "reset", "slow", "--dry-run"))
    assert "reset: slow" in said(isolane("queues", "reset", "slow"))
    assert "slow" not in said(isolane("queues", "ls", "--json"))


async def test_scripts_are_enqueued_for_whoever_executes_them(
    isolane: Cli, services: dict[str, str]
) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return isolane("tasks", *arguments)

    async with executing(services["DATABASE_URL"]):
        well = await asyncio.to_thread(run, "enqueue", "--script", "a.js", "--wait", "20")
        assert json.loads(said(well)) == {"script": "a.js", "attempt": 1}
        failed = await asyncio.to_thread(run, "enqueue", "--script", "fail.js", "--wait", "20")
        assert (failed.returncode, failed.stderr) == (1, "Task failed: no luck\n")
        listed = await asyncio.to_thread(run, "ls", "--all", "--status", "failed", "--json")
        shown = await asyncio.to_thread(run, "show", "--all", json.loads(said(listed))[0]["id"])
        assert "attempt 1" in said(shown)


def test_schedules_of_tasks_from_the_command_line(isolane: Cli) -> None:
    schedules = ("tasks", "schedules")
    help_text = " ".join(said(isolane(*schedules, "set", "--help")).split())
    assert "CRON has five fields" in help_text
    assert "or six with the seconds first" in help_text
    options = ("--type", "report:make", "--payload", '{"id":1}', "--queue", "nightly")
    made = (*schedules, "set", "reports", "0 30 3 * * *", "hello", "--timezone", "Europe/Berlin")
    row = json.loads(said(isolane(*made, *options, "--missed", "skip", "--json")))
    assert (row["cron"], row["timezone"], row["missed"]) == (
        "0 30 3 * * *",
        "Europe/Berlin",
        "skip",
    )
    assert (row["type"], row["queue"]) == ("report:make", "nightly")
    again = json.loads(said(isolane(*schedules, "set", "reports", "0 4 * * *", "hello", "--json")))
    assert (again["id"], again["cron"], again["type"]) == (row["id"], "0 4 * * *", None)
    said(isolane(*schedules, "pause", "reports"))
    (listed,) = json.loads(said(isolane(*schedules, "ls", "--json")))
    assert listed["paused"]
    assert "reports" in said(isolane(*schedules, "ls"))
    said(isolane(*schedules, "resume", row["id"]))
    assert "would be removed" in said(isolane(*schedules, "rm", "reports", "--dry-run"))
    said(isolane(*schedules, "rm", "reports"))
    wrong = isolane(*schedules, "rm", "reports")
    assert wrong.returncode == 3
    assert "there is no schedule 'reports'" in wrong.stderr
    assert isolane(*schedules, "set", "x", "now", "hello").returncode == 2
    assert isolane(*schedules, "set", "x", "* * * * *", "nobody").returncode == 3
