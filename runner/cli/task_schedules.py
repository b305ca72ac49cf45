"""``isolane tasks schedules``: tasks that are made again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from runner.cli.task_plan import add_plan_options, plan_of
from runner.cli.verbs import Verbs, done, print_rows
from runner.errors import ControlError

if TYPE_CHECKING:
    import argparse

    from runner.cli.control_client import ControlClient

_CRON: Final = (
    "CRON has five fields (minute, hour, day of month, month, day of week), or six with the seconds first:"
    " '*/5 * * * *', '30 */5 * * * *'."
)


def add_options(command: argparse.ArgumentParser) -> None:
    verbs = Verbs(command)
    verbs.add("ls", "list schedules that make tasks", _list)
    put = verbs.add(
        "set", "make a task at each instant of a cron expression", _set, "name", "cron", "worker"
    )
    put.epilog = f"{_CRON} A schedule of that NAME is replaced."
    put.add_argument("--timezone", metavar="TZ", help="as Europe/Berlin (default: UTC)")
    put.add_argument(
        "--missed",
        choices=("skip", "once", "all"),
        help="what becomes of instants that no runner was there for (default: once)",
    )
    put.add_argument("--paused", action="store_true", help="not before it is resumed")
    add_plan_options(put)
    verbs.add(
        "rm", "remove a schedule; the tasks that it made stay", _remove, "name", destroys=True
    )
    verbs.add("pause", "make no more tasks", _pause, "name")
    verbs.add("resume", "make tasks again, from now on", _resume, "name")


def _list(client: ControlClient, options: argparse.Namespace) -> None:
    print_rows(
        options, client.get("tasks", "schedules"), name="name", cron="cron", timezone="timezone", missed="missed",
        paused="paused", queue="queue", type="type", next="nextRun", last="lastRun", refused="refused", id="id",
    )  # fmt: skip


def _set(client: ControlClient, options: argparse.Namespace) -> None:
    wanted = {"timezone": options.timezone, "missed": options.missed}
    body = {
        "name": options.name,
        "cron": options.cron,
        "worker": options.worker,
        "paused": options.paused,
        **{name: value for name, value in wanted.items() if value is not None},
        **plan_of(options),
    }
    row = client.put("tasks", "schedules", body=body)
    done(options, f"{row['name']} makes a task at {row['cron']} ({row['id']})", **row)


def _remove(client: ControlClient, options: argparse.Namespace) -> None:
    row = _find(client, options.name)
    if not options.dry_run:
        client.delete("tasks", "schedules", row["id"])
    done(options, f"removed: {row['name']}", removed=row["id"])


def _pause(client: ControlClient, options: argparse.Namespace) -> None:
    row = client.post("tasks", "schedules", _find(client, options.name)["id"], "pause")
    done(options, f"paused: {row['name']}", **row)


def _resume(client: ControlClient, options: argparse.Namespace) -> None:
    row = client.post("tasks", "schedules", _find(client, options.name)["id"], "resume")
    done(options, f"resumed: {row['name']}", **row)


def _find(client: ControlClient, name: str) -> dict[str, Any]:
    """Return the schedule with a name, or an id."""
    for row in client.get("tasks", "schedules"):
        if name in {row["name"], row["id"]}:
            found: dict[str, Any] = row
            return found
    raise ControlError(404, f"there is no schedule {name!r}", "isolane tasks schedules ls")
