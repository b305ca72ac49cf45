"""``isolane kv``: key-value namespaces of a tenant, and what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from runner.cli.exits import UsageError
from runner.cli.verbs import Verbs, done, print_json, print_rows

if TYPE_CHECKING:
    import argparse

    from runner.cli.control_client import ControlClient


def add_options(command: argparse.ArgumentParser) -> None:
    verbs = Verbs(command)
    listing = verbs.add("ls", "list namespaces, or the keys of one", _list)
    listing.add_argument("namespace", metavar="NAMESPACE", nargs="?")
    listing.add_argument("--prefix", default="", help="keys that start like this")
    verbs.add("create", "make a namespace", _create, "namespace")
    verbs.add("get", "print a value as JSON", _get, "namespace", "key")
    put = verbs.add("set", "write a value", _set, "namespace", "key")
    put.add_argument("value", metavar="JSON")
    put.add_argument(
        "--expires-in", metavar="S", type=float, help="seconds until it is gone (default: never)"
    )
    remove = verbs.add(
        "rm", "remove a key, or a namespace with all its keys", _remove, "namespace", destroys=True
    )
    remove.add_argument("key", metavar="KEY", nargs="?")


def _list(client: ControlClient, options: argparse.Namespace) -> None:
    if options.namespace is None:
        print_rows(options, client.get("kv"), name="name", made="createdAt", id="id")
        return
    keys: list[str] = []
    complete = False
    while not complete:
        after = keys[-1] if keys else ""
        page = client.get("kv", options.namespace, "keys", prefix=options.prefix, after=after)
        keys += page["keys"]
        complete = page["complete"]
    if options.json:
        print_json(keys)
    else:
        print_rows(options, [{"key": key} for key in keys], key="key")


def _create(client: ControlClient, options: argparse.Namespace) -> None:
    namespace = client.put("kv", options.namespace)
    done(options, f"{namespace['name']} is there", **namespace)


def _get(client: ControlClient, options: argparse.Namespace) -> None:
    print_json(client.get("kv", options.namespace, "keys", options.key)["value"])


def _set(client: ControlClient, options: argparse.Namespace) -> None:
    try:
        value = msgspec.json.decode(options.value)
    except msgspec.DecodeError as error:
        raise UsageError(f"the value is no JSON: {error}; a text needs its quotes") from None
    body = {"value": value, "expiresInS": options.expires_in}
    client.put("kv", options.namespace, "keys", options.key, body=body)
    done(options, f"{options.key} is set", key=options.key)


def _remove(client: ControlClient, options: argparse.Namespace) -> None:
    if options.key is not None:
        client.get("kv", options.namespace, "keys", options.key)
        if not options.dry_run:
            client.delete("kv", options.namespace, "keys", options.key)
        done(options, f"removed: {options.key}", removed=options.key)
        return
    # Whether it is there.
    client.get("kv", options.namespace, "keys", limit=1)
    if not options.dry_run:
        client.delete("kv", options.namespace)
    done(options, f"removed: {options.namespace} with its keys", removed=options.namespace)
