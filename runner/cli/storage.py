"""``isolane storage``: where bindings to object storage lead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.cli.verbs import Verbs, done, print_rows, text_or_stdin
from runner.errors import ControlError

if TYPE_CHECKING:
    import argparse

    from runner.cli.control_client import ControlClient


def add_options(command: argparse.ArgumentParser) -> None:
    verbs = Verbs(command)
    verbs.add("ls", "list storages", _list)
    put = verbs.add("set", "make a storage, or change it", _set, "name", "bucket")
    put.add_argument("--access-key-id", metavar="ID", required=True)
    put.add_argument(
        "--secret-access-key", metavar="KEY", help="default: read from stdin, so that none sees it"
    )
    put.add_argument("--endpoint", metavar="URL", help="of the S3-compatible server")
    put.add_argument("--region", metavar="R")
    put.add_argument("--prefix", metavar="P", help="only what starts like this")
    verbs.add("rm", "forget a storage; what is in it stays", _remove, "name", destroys=True)


def _list(client: ControlClient, options: argparse.Namespace) -> None:
    print_rows(
        options,
        client.get("storage"),
        name="name",
        bucket="bucket",
        prefix="prefix",
        endpoint="endpoint",
        key="accessKeyId",
    )


def _set(client: ControlClient, options: argparse.Namespace) -> None:
    secret = text_or_stdin(options.secret_access_key, "secret access key")
    body = {
        "bucket": options.bucket,
        "accessKeyId": options.access_key_id,
        "secretAccessKey": secret,
        "endpoint": options.endpoint,
        "region": options.region,
        "prefix": options.prefix,
    }
    row = client.put("storage", options.name, body=body)
    done(options, f"{options.name} leads to {options.bucket}", **row)


def _remove(client: ControlClient, options: argparse.Namespace) -> None:
    if options.name not in {row["name"] for row in client.get("storage")}:
        raise ControlError(404, f"there is no storage {options.name!r}", "isolane storage ls")
    if not options.dry_run:
        client.delete("storage", options.name)
    done(options, f"removed: {options.name}", removed=options.name)
