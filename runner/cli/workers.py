"""``isolane workers``: which a tenant has, and their versions."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from runner.cli.exits import UsageError
from runner.cli.tail import add_line_options, print_stored
from runner.cli.verbs import Verbs, done, print_one, print_rows
from runner.errors import ControlError

if TYPE_CHECKING:
    from runner.cli.control_client import ControlClient


def add_options(command: argparse.ArgumentParser) -> None:
    verbs = Verbs(command)
    verbs.add("ls", "list workers", _list)
    verbs.add("show", "show a worker", _show, "name")
    verbs.add("versions", "list a worker's versions, the newest first", _versions, "name")
    change = verbs.add("set", "change what a worker runs under", _set, "name")
    change.add_argument(
        "--public",
        action=argparse.BooleanOptionalAction,
        help="whether other tenants' workers may call it",
    )
    for option, what in (
        ("--cpu-ms", "of CPU time for each execution, or 'default'"),
        ("--wall-ms", "of time for each execution, or 'default'"),
    ):
        change.add_argument(option, metavar="MS", help=f"milliseconds {what}")
    change.add_argument("--context-reuse", choices=("off", "warm", "default"))
    rollback = verbs.add("rollback", "serve an earlier version", _rollback, "name", destroys=True)
    rollback.add_argument(
        "version", metavar="VERSION", type=int, nargs="?", help="default: the one before"
    )
    logs = verbs.add("logs", "print the last lines of a worker's console", print_stored, "name")
    add_line_options(logs)
    logs.add_argument("--limit", metavar="N", type=int, help="how many (default: 100)")
    verbs.add("rm", "remove a worker with all its versions", _remove, "name", destroys=True)


def _list(client: ControlClient, options: argparse.Namespace) -> None:
    print_rows(
        options,
        client.get("workers"),
        name="name",
        version="version",
        public="public",
        changed="updatedAt",
        id="id",
    )


def _show(client: ControlClient, options: argparse.Namespace) -> None:
    print_one(options, client.get("workers", options.name))


def _versions(client: ControlClient, options: argparse.Namespace) -> None:
    print_rows(
        options,
        client.get("workers", options.name, "versions"),
        version="version",
        current="current",
        deployed="deployedAt",
        files="files",
        bytes="bytes",
        message="message",
    )


def _set(client: ControlClient, options: argparse.Namespace) -> None:
    change: dict[str, Any] = {}
    if options.public is not None:
        change["public"] = options.public
    for field, text in (("cpuMs", options.cpu_ms), ("wallMs", options.wall_ms)):
        if text is not None:
            change[field] = _milliseconds(text)
    if options.context_reuse is not None:
        reuse = options.context_reuse
        change["contextReuse"] = None if reuse == "default" else reuse
    if not change:
        raise UsageError("what shall be changed? Try: isolane workers set --help")
    print_one(options, client.patch("workers", options.name, body=change))


def _milliseconds(text: str) -> int | None:
    if text == "default":
        return None
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"{text!r} is no number of milliseconds, nor 'default'")
    return int(text)


def _rollback(client: ControlClient, options: argparse.Namespace) -> None:
    version = options.version
    if options.dry_run:
        version = _version_before(client, options)
    else:
        body = {"version": version}
        version = client.post("workers", options.name, "rollback", body=body)["version"]
    done(options, f"{options.name} at version {version}", name=options.name, version=version)


def _version_before(client: ControlClient, options: argparse.Namespace) -> int:
    versions = client.get("workers", options.name, "versions")
    numbers = [one["version"] for one in versions]
    current = next((one["version"] for one in versions if one["current"]), 0)
    wanted = options.version or max((one for one in numbers if one < current), default=0)
    if wanted not in numbers:
        which = options.version or f"before {current}"
        raise ControlError(
            404, f"{options.name} has no version {which}", "isolane workers versions"
        )
    return int(wanted)


def _remove(client: ControlClient, options: argparse.Namespace) -> None:
    worker = client.get("workers", options.name)
    if not options.dry_run:
        client.delete("workers", worker["id"])
    done(options, f"removed: {worker['name']} ({worker['id']})", removed=worker["id"])
