"""``isolane deploy``: the files of a folder or script become a worker's current version."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from runner.cli.control_client import open_client
from runner.cli.exits import Exit, UsageError
from runner.cli.tables import as_cell
from runner.cli.verbs import add_common, print_json
from runner.sources import read_source

if TYPE_CHECKING:
    import argparse


def add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME", help="the worker; it is made if it is not there")
    command.add_argument(
        "path",
        metavar="PATH",
        type=Path,
        help="a script, or a folder with index.js, index.ts or worker.toml",
    )
    command.add_argument("--message", metavar="TEXT", help="what is new")
    add_common(command)


def main(options: argparse.Namespace) -> int:
    if not options.path.exists():
        raise UsageError(f"there is no {options.path}")
    source = read_source(options.path)
    body = {
        "main": source.main,
        "files": source.files,
        # TOML has dates, JSON has not.
        "manifest": msgspec.to_builtins(source.manifest),
        "message": options.message,
    }
    client = open_client(options)
    answer = client.post("workers", options.name, "versions", body=body)
    if options.json:
        print_json(answer)
        return Exit.OK
    if answer["newTenant"]:
        print(f"the tenant {client.tenant} was made")
    version = answer["version"]
    if answer["created"]:
        print(f"{options.name} is version {version} now")
    else:
        print(f"{options.name} is version {version} now, which has these very files")
    if answer["problem"]:
        print(as_cell(f"but it will not start: {answer['problem']}"), file=sys.stderr)
    return Exit.OK
