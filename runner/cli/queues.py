"""``isolane queues``: what holds for the queues of tasks, over all tenants and executors."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final

from runner.cli.exits import UsageError
from runner.cli.verbs import Verbs, done, print_json, print_one, print_rows

if TYPE_CHECKING:
    from runner.cli.control_client import ControlClient

_LIMITS: Final = {
    "max_running": "maxRunning",
    "max_running_per_key": "maxRunningPerKey",
    "rate_limit": "rateLimit",
    "rate_period_ms": "ratePeriodMs",
    "max_attempts": "maxAttempts",
    "timeout_ms": "timeoutMs",
}
_MOST: Final = "N, or 'none'"


def add_options(command: argparse.ArgumentParser) -> None:
    verbs = Verbs(command, tenant=False)
    verbs.add("ls", "list queues that have tasks or rules", _list)
    verbs.add("show", "show what holds for a queue", _show, "queue")
    verbs.add("pause", "start nothing more from a queue; what runs goes on", _pause, "queue")
    verbs.add("resume", "start tasks of a queue again", _resume, "queue")
    limit = verbs.add("limit", "limit a queue, or lift a limit", _limit, "queue")
    limit.add_argument("--max-running", metavar="N", type=_limit_of, help=f"at once: {_MOST}")
    limit.add_argument("--max-running-per-key", metavar="N", type=_limit_of)
    limit.add_argument("--rate-limit", metavar="N", type=_limit_of, help="starts in a period")
    limit.add_argument("--rate-period-ms", metavar="MS", type=_limit_of, help="default: 1000")
    limit.add_argument("--max-attempts", metavar="N", type=_limit_of, help="of tasks that say none")
    limit.add_argument("--timeout-ms", metavar="MS", type=_limit_of, help="of tasks that say none")
    verbs.add("reset", "lift all rules of a queue", _reset, "queue", destroys=True)


def _call(client: ControlClient, method: str, *path: str, body: Any = None) -> Any:
    return client.send(method, ("tasks", "queues", *path), None, body)


def _list(client: ControlClient, options: argparse.Namespace) -> None:
    queues = _call(client, "GET")
    if options.json:
        print_json(queues)
        return
    rows = [{**queue, **queue["rules"], **queue["stats"]} for queue in queues]
    for row in rows:
        # Both are called so: how many tasks are, and whether the queue is.
        row["closed"] = row["rules"]["paused"]
    print_rows(
        options, rows, queue="queue", paused="closed", pending="pending", running="running",
        completed="completed", failed="failed", limit="maxRunning", rate="rateLimit",
    )  # fmt: skip


def _show(client: ControlClient, options: argparse.Namespace) -> None:
    queue = _call(client, "GET", options.queue)
    if options.json:
        print_json(queue)
    else:
        stats = {f"tasks {name}": count for name, count in queue["stats"].items()}
        print_one(options, {"queue": queue["queue"], **queue["rules"], **stats})


def _pause(client: ControlClient, options: argparse.Namespace) -> None:
    done(options, f"paused: {options.queue}", **_call(client, "POST", options.queue, "pause"))


def _resume(client: ControlClient, options: argparse.Namespace) -> None:
    done(options, f"resumed: {options.queue}", **_call(client, "POST", options.queue, "resume"))


def _limit(client: ControlClient, options: argparse.Namespace) -> None:
    given = {
        field: value
        for name, field in _LIMITS.items()
        if (value := getattr(options, name)) is not None
    }
    if not given:
        raise UsageError("which limit? See isolane queues limit --help")
    lifted = {field for field, value in given.items() if value == "none"}
    rules = _call(client, "GET", options.queue)["rules"] | given
    body = {field: value for field, value in rules.items() if field not in lifted}
    done(options, f"limited: {options.queue}", **_call(client, "PUT", options.queue, body=body))


def _reset(client: ControlClient, options: argparse.Namespace) -> None:
    if not options.dry_run:
        _call(client, "DELETE", options.queue)
    done(options, f"reset: {options.queue}", reset=options.queue)


def _limit_of(text: str) -> int | str:
    if text == "none":
        return text
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 up, nor 'none'")
    return int(text)
