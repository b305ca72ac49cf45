"""``isolane tasks``: what workers and scripts have to do, in the durable queue."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec

from runner.cli.exits import Exit, UsageError
from runner.cli.tables import as_cell
from runner.cli.task_plan import add_plan_options, count, plan_of, seconds
from runner.cli.task_schedules import add_options as add_schedules
from runner.cli.verbs import Verbs, done, print_json, print_one, print_rows
from runner.cli.verbs import main as do_verb
from runner.errors import ControlError

if TYPE_CHECKING:
    import argparse

    from runner.cli.control_client import ControlClient

_STATES: Final = ("pending", "running", "completed", "failed", "cancelled", "paused")
_ENDED: Final = ("completed", "failed", "cancelled")
_PAGE: Final = 1000
_ASK_S: Final = 30.0
"""How long one request waits for a task to end."""


def add_options(command: argparse.ArgumentParser) -> None:
    verbs = Verbs(command)
    command.set_defaults(module="tasks")
    _add_enqueue(verbs)
    listing = verbs.add("ls", "list tasks, the newest first", _list)
    listing.add_argument("--queue", metavar="Q")
    listing.add_argument("--status", choices=_STATES)
    listing.add_argument("--type", metavar="GLOB", help="as email:*")
    listing.add_argument("--key", metavar="K")
    listing.add_argument("--limit", metavar="N", type=count, default=100, help="default: 100")
    show = verbs.add("show", "show a task, its result and what went wrong", _show, "id")
    show.add_argument("--wait", metavar="S", type=seconds, help="until it has ended, at most")
    cancel = verbs.add(
        "cancel", "end a task that has not ended, also while it runs", _cancel, "id", destroys=True
    )
    cancel.add_argument("--reason", metavar="TEXT", default="it was cancelled")
    retry = verbs.add("retry", "let a task that failed or was cancelled run again", _retry, "id")
    retry.add_argument("--reset-attempts", action="store_true", help="with all its attempts")
    stats = verbs.add("stats", "count tasks by their states", _stats)
    stats.add_argument("--queue", metavar="Q")
    clean = verbs.add("cleanup", "remove tasks that ended long ago", _clean, destroys=True)
    clean.add_argument(
        "--older-than", metavar="AGE", type=seconds, required=True, help="30d, 12h, 90m or 60s"
    )
    clean.add_argument("--status", choices=_ENDED, help="only those that ended so")
    for verb in (listing, show, cancel, retry, stats, clean):
        verb.add_argument("--all", action="store_true", help="everybody's, scripts included")
    verbs.add("events", "follow what happens to tasks", _follow)
    add_schedules(verbs.group("schedules", "tasks that are made at times"))


def _add_enqueue(verbs: Verbs) -> None:
    verb = verbs.add("enqueue", "enqueue a task for a worker, or a script", _enqueue)
    verb.add_argument("worker", metavar="WORKER", nargs="?")
    verb.add_argument("--script", metavar="PATH", help="a script below its executor's root instead")
    add_plan_options(verb)
    verb.add_argument("--key", metavar="K", help="a task that is live with this key is not doubled")
    verb.add_argument("--at", metavar="TIME", help="not before, as 2030-01-01T00:00:00Z")
    verb.add_argument("--delay", metavar="AGE", type=seconds, help="not before so long: 60s, 5m")
    verb.add_argument(
        "--wait",
        metavar="S",
        type=seconds,
        help="until it has ended, at most; its result is printed",
    )
    verb.set_defaults(all=False)


def main(options: argparse.Namespace) -> int:
    if getattr(options, "all", False) or getattr(options, "script", None) is not None:
        # Nobody is asked whose they are.
        options.all, options.tenant = True, options.tenant or "-"
    return do_verb(options)


def _call(
    client: ControlClient,
    options: argparse.Namespace,
    method: str,
    *path: str,
    query: Any = None,
    body: Any = None,
) -> Any:
    whose = () if options.all else ("tenants", client.tenant)
    return client.send(method, (*whose, "tasks", *path), query, body)


def _enqueue(client: ControlClient, options: argparse.Namespace) -> int | None:
    if (options.worker is None) == (options.script is None):
        raise UsageError("which worker? Give its name, or --script PATH")
    wanted = {
        "worker": options.worker,
        "script": options.script,
        "key": options.key,
        "scheduledAt": options.at,
        "delayS": options.delay,
    }
    body = {name: value for name, value in wanted.items() if value is not None} | plan_of(options)
    answer = _call(client, options, "POST", body=body)
    task = answer["task"]
    if options.wait is not None:
        return _print_end(_wait(client, options, task), options)
    text = f"enqueued: {task['id']}"
    if not answer["created"]:
        text = f"there already: {task['id']} ({task['status']})"
    done(options, text, **answer)
    return None


def _list(client: ControlClient, options: argparse.Namespace) -> None:
    tasks: list[dict[str, Any]] = []
    cursor = None
    while len(tasks) < options.limit:
        query = {
            "queue": options.queue,
            "status": options.status,
            "type": options.type,
            "key": options.key,
            "cursor": cursor,
            "limit": min(_PAGE, options.limit - len(tasks)),
        }
        page = _call(client, options, "GET", query=query)
        tasks += page["tasks"]
        cursor = page["cursor"]
        if cursor is None:
            break
    print_rows(
        options, tasks, id="id", status="status", queue="queue", type="type", attempts="attempts",
        scheduled="scheduledAt", ended="completedAt", error="error",
    )  # fmt: skip


def _show(client: ControlClient, options: argparse.Namespace) -> None:
    task = _call(client, options, "GET", options.id)
    if options.wait is not None:
        task = _wait(client, options, task)
    if options.json:
        print_json(task)
        return
    errors = task.pop("errors")
    for name in ("payload", "result", "retry"):
        if task[name] is not None:
            task[name] = msgspec.json.encode(task[name]).decode()
    print_one(options, task)
    for one in errors:
        print(
            as_cell(f"attempt {one['attempt']}, {one['at'][:19]}, {one['reason']}: {one['error']}")
        )


def _cancel(client: ControlClient, options: argparse.Namespace) -> None:
    task = _call(client, options, "GET", options.id)
    if not options.dry_run:
        task = _call(client, options, "POST", options.id, "cancel", body={"reason": options.reason})
    elif task["status"] in _ENDED:
        raise ControlError(409, f"the task has ended already: it is {task['status']}")
    done(options, f"cancelled: {options.id}", cancelled=options.id, status=task["status"])


def _retry(client: ControlClient, options: argparse.Namespace) -> None:
    body = {"resetAttempts": options.reset_attempts}
    task = _call(client, options, "POST", options.id, "retry", body=body)
    done(options, f"pending again: {options.id}", **task)


def _stats(client: ControlClient, options: argparse.Namespace) -> None:
    print_one(options, _call(client, options, "GET", "stats", query={"queue": options.queue}))


def _clean(client: ControlClient, options: argparse.Namespace) -> None:
    body = {"olderThanS": options.older_than, "status": options.status, "dryRun": options.dry_run}
    removed = _call(client, options, "POST", "cleanup", body=body)
    text = ", ".join(f"{count} {status}" for status, count in removed.items())
    done(options, f"removed: {text}", **removed)


def _follow(client: ControlClient, options: argparse.Namespace) -> None:
    for event in client.follow("tasks", "events"):
        if options.json:
            print(msgspec.json.encode(event).decode(), flush=True)
            continue
        words = [event["event"], event["taskId"], event.get("type"), event.get("error")]
        print(as_cell(" ".join(word for word in words if word)), flush=True)


def _wait(
    client: ControlClient, options: argparse.Namespace, task: dict[str, Any]
) -> dict[str, Any]:
    left_s = options.wait
    while task["status"] not in _ENDED and left_s > 0:
        wait_s = min(left_s, _ASK_S)
        task = _call(client, options, "GET", task["id"], query={"waitS": wait_s})
        left_s -= wait_s
    return task


def _print_end(task: dict[str, Any], options: argparse.Namespace) -> int:
    if options.json:
        print_json(task)
    elif task["status"] == "completed":
        if task["result"] is not None:
            print_json(task["result"])
    else:
        print(f"Task {task['status']}: {as_cell(task['error'] or task['id'])}", file=sys.stderr)
    return Exit.OK if task["status"] == "completed" else Exit.FAILED
