"""``isolane databases``: what bindings to databases lead to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.cli.verbs import Verbs, done, print_rows, text_or_stdin
from runner.errors import ControlError

if TYPE_CHECKING:
    import argparse

    from runner.cli.control_client import ControlClient


def add_options(command: argparse.ArgumentParser) -> None:
    verbs = Verbs(command)
    verbs.add("ls", "list databases", _list)
    make = verbs.add("create", "make a database, on the runner's own server", _create, "name")
    make.add_argument(
        "--own", action="store_true", help="use the tenant's own server: its URL is read from stdin"
    )
    make.add_argument("--max-rows", metavar="N", type=int, help="of a result (default: 1000)")
    make.add_argument("--timeout", metavar="S", type=int, help="of a query (default: 30)")
    verbs.add(
        "rm",
        "remove a database; on the runner's own server with all that is in it",
        _remove,
        "name",
        destroys=True,
    )


def _list(client: ControlClient, options: argparse.Namespace) -> None:
    print_rows(
        options,
        client.get("databases"),
        name="name",
        provider="provider",
        rows="maxRows",
        seconds="timeoutSeconds",
        id="id",
    )


def _create(client: ControlClient, options: argparse.Namespace) -> None:
    body = {
        "url": text_or_stdin(None, "URL") if options.own else None,
        "maxRows": options.max_rows,
        "timeoutSeconds": options.timeout,
    }
    said = {name: value for name, value in body.items() if value is not None}
    row = client.post("databases", options.name, body=said)
    done(options, f"{options.name} is there", **row)


def _remove(client: ControlClient, options: argparse.Namespace) -> None:
    row = next((row for row in client.get("databases") if row["name"] == options.name), None)
    if row is None:
        raise ControlError(404, f"there is no database {options.name!r}", "isolane databases ls")
    if not options.dry_run:
        client.delete("databases", row["id"])
    what = " with all that is in it" if row["provider"] == "platform" else ""
    done(options, f"removed: {options.name}{what}", removed=row["id"])
