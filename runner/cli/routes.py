"""``isolane routes``: which paths of a project lead to which workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.cli.exits import UsageError
from runner.cli.verbs import Verbs, done, print_rows
from runner.errors import ControlError

if TYPE_CHECKING:
    import argparse

    from runner.cli.control_client import ControlClient


def add_options(command: argparse.ArgumentParser) -> None:
    verbs = Verbs(command)
    listing = verbs.add("ls", "list projects, or the routes of one as they are tried", _list)
    listing.add_argument("project", metavar="PROJECT", nargs="?")
    put = verbs.add("set", "have a pattern lead to a worker", _set, "project", "pattern")
    put.epilog = "A worker's name as PROJECT makes a project of it. PATTERN is a path: '*' is a part of it, '**' anything."
    put.add_argument("worker", metavar="WORKER", nargs="?")
    put.add_argument("--files", action="store_true", help="lead to the project's static files")
    put.add_argument(
        "--priority", metavar="N", type=int, default=0, help="higher wins among equals"
    )
    verbs.add("rm", "remove a route", _remove, "project", "pattern", destroys=True)


def _list(client: ControlClient, options: argparse.Namespace) -> None:
    if options.project is None:
        print_rows(options, client.get("projects"), project="name", made="createdAt", id="id")
        return
    rows = client.get("projects", options.project, "routes")
    print_rows(
        options,
        rows,
        pattern="pattern",
        to="backend",
        worker="target",
        priority="priority",
        manifest="fromManifest",
    )


def _set(client: ControlClient, options: argparse.Namespace) -> None:
    if bool(options.worker) == options.files:
        raise UsageError("where to? Give a WORKER, or --files")
    client.put("projects", options.project)
    body = {"pattern": options.pattern, "worker": options.worker, "priority": options.priority}
    client.put("projects", options.project, "routes", body=body)
    where = options.worker or "the project's files"
    done(options, f"{options.pattern} leads to {where}", pattern=options.pattern)


def _remove(client: ControlClient, options: argparse.Namespace) -> None:
    project, pattern = options.project, options.pattern
    if pattern not in {row["pattern"] for row in client.get("projects", project, "routes")}:
        raise ControlError(
            404, f"{project} has no route {pattern!r}", f"isolane routes ls {project}"
        )
    if not options.dry_run:
        client.delete("projects", project, "routes", pattern=pattern)
    done(options, f"removed: {pattern}", removed=pattern)
