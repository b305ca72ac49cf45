"""``isolane env``: variables, secrets and bindings of a worker. Secrets can be set, never read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from runner.cli.verbs import Verbs, done, print_rows, text_or_stdin
from runner.errors import ControlError

if TYPE_CHECKING:
    import argparse

    from runner.cli.control_client import ControlClient

_TYPES: Final = ("var", "secret", "kv", "storage", "database", "service", "assets", "tasks")


def add_options(command: argparse.ArgumentParser) -> None:
    verbs = Verbs(command)
    verbs.add("ls", "list what a worker finds in env", _list, "worker")
    put = verbs.add("set", "set a variable, a secret or a binding", _set, "worker", "key")
    put.add_argument(
        "value",
        metavar="VALUE",
        nargs="?",
        help="a text, or the name of what a binding leads to (default: read from stdin, which keeps a secret out of the history)",
    )
    put.add_argument("--type", choices=_TYPES, default="var", help="default: var")
    put.add_argument("--secret", action="store_const", const="secret", dest="type")
    verbs.add("rm", "remove a value", _remove, "worker", "key", destroys=True)


def _list(client: ControlClient, options: argparse.Namespace) -> None:
    rows = client.get("workers", options.worker, "env")
    if not options.json:
        for row in rows:
            row["shown"] = "***" if row["type"] == "secret" else row["target"] or row["value"]
    print_rows(options, rows, key="key", type="type", value="shown", manifest="fromManifest")


def _set(client: ControlClient, options: argparse.Namespace) -> None:
    value = text_or_stdin(options.value, "value")
    body = {"value": value, "type": options.type}
    client.put("workers", options.worker, "env", options.key, body=body)
    done(options, f"{options.key} is set", key=options.key)


def _remove(client: ControlClient, options: argparse.Namespace) -> None:
    rows = client.get("workers", options.worker, "env")
    if options.key not in {row["key"] for row in rows}:
        raise ControlError(404, f"{options.worker} has no {options.key!r} in env", "isolane env ls")
    if not options.dry_run:
        client.delete("workers", options.worker, "env", options.key)
    done(options, f"removed: {options.key}", removed=options.key)
