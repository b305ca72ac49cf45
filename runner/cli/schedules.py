"""``isolane schedules``: which workers are called when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.cli.verbs import Verbs, done, print_rows
from runner.errors import ControlError

if TYPE_CHECKING:
    import argparse

    from runner.cli.control_client import ControlClient


def add_options(command: argparse.ArgumentParser) -> None:
    verbs = Verbs(command)
    verbs.add("ls", "list schedules", _list)
    put = verbs.add("set", "call a worker by a cron expression", _set, "worker", "cron")
    put.epilog = (
        "CRON has five fields (minute, hour, day of month, month, day of week), or six with the seconds first, and is read"
        " in UTC: '*/5 * * * *', '30 */5 * * * *'."
    )
    verbs.add("rm", "stop a schedule", _remove, "id", destroys=True)


def _list(client: ControlClient, options: argparse.Namespace) -> None:
    print_rows(
        options,
        client.get("schedules"),
        worker="workerName",
        cron="value",
        next="nextRun",
        last="lastRun",
        manifest="fromManifest",
        id="id",
    )


def _set(client: ControlClient, options: argparse.Namespace) -> None:
    row = client.post("workers", options.worker, "schedules", body={"cron": options.cron})
    done(options, f"{options.worker} is called at {options.cron} ({row['id']})", **row)


def _remove(client: ControlClient, options: argparse.Namespace) -> None:
    rows = {row["id"]: row for row in client.get("schedules")}
    row = rows.get(options.id)
    if row is None:
        raise ControlError(404, f"there is no schedule {options.id!r}", "isolane schedules ls")
    if not options.dry_run:
        client.delete("schedules", row["id"])
    done(options, f"removed: {row['value']} of {row['workerName']}", removed=row["id"])
