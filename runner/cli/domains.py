"""``isolane domains``: which domains lead to which workers and projects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.cli.verbs import Verbs, done, print_rows
from runner.errors import ControlError

if TYPE_CHECKING:
    import argparse

    from runner.cli.control_client import ControlClient


def add_options(command: argparse.ArgumentParser) -> None:
    verbs = Verbs(command)
    verbs.add("ls", "list domains", _list)
    put = verbs.add("set", "have a domain lead to a worker or project", _set, "domain", "target")
    put.epilog = "TARGET is the name or id of a worker or project."
    verbs.add("rm", "remove a domain", _remove, "domain", destroys=True)


def _list(client: ControlClient, options: argparse.Namespace) -> None:
    rows = client.get("domains")
    print_rows(options, rows, domain="name", target="target", manifest="fromManifest")


def _set(client: ControlClient, options: argparse.Namespace) -> None:
    client.put("domains", options.domain, body={"target": options.target})
    done(options, f"{options.domain} leads to {options.target}", domain=options.domain)


def _remove(client: ControlClient, options: argparse.Namespace) -> None:
    name = options.domain.lower().rstrip(".")
    if name not in {row["name"] for row in client.get("domains")}:
        raise ControlError(404, f"there is no domain {name!r}", "isolane domains ls")
    if not options.dry_run:
        client.delete("domains", name)
    done(options, f"removed: {name}", removed=name)
