"""``isolane tenants``: who owns workers, and how many of what they may have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from runner.cli.exits import UsageError
from runner.cli.verbs import Verbs, done, print_one, print_rows
from runner.cli.verbs import main as do_verb

if TYPE_CHECKING:
    import argparse

    from runner.cli.control_client import ControlClient

_COUNTED: Final = ("workers", "databases", "kv", "storage")


def add_options(command: argparse.ArgumentParser) -> None:
    verbs = Verbs(command, tenant=False)
    command.set_defaults(module="tenants")
    verbs.add("ls", "list tenants", _list)
    verbs.add("create", "make a tenant", _create, "name")
    change = verbs.add("set", "change how many of what a tenant may have", _set, "name")
    for kind in _COUNTED:
        change.add_argument(f"--{kind}", metavar="N", type=int)
    verbs.add("rm", "remove a tenant with all it has", _remove, "name", destroys=True)


def main(options: argparse.Namespace) -> int:
    # The verbs name the tenant themselves.
    options.tenant = getattr(options, "name", options.tenant)
    return do_verb(options)


def _list(client: ControlClient, options: argparse.Namespace) -> None:
    columns = {kind: f"limit{kind.capitalize()}" for kind in _COUNTED}
    print_rows(options, client.send("GET", ("tenants",)), name="name", **columns, id="id")


def _create(client: ControlClient, options: argparse.Namespace) -> None:
    row = client.put()
    done(options, f"{options.name} is there", **row)


def _set(client: ControlClient, options: argparse.Namespace) -> None:
    given: dict[str, Any] = {kind: getattr(options, kind) for kind in _COUNTED}
    change = {kind: limit for kind, limit in given.items() if limit is not None}
    if not change:
        raise UsageError("what shall be changed? Try: isolane tenants set --help")
    print_one(options, client.patch(body=change))


def _remove(client: ControlClient, options: argparse.Namespace) -> None:
    workers = client.get("workers")
    if not options.dry_run:
        client.delete()
    text = f"removed: {options.name} with {len(workers)} workers"
    done(options, text, removed=options.name, workers=[worker["name"] for worker in workers])
