"""``isolane deploy``: the files of a folder or script become a worker's current version."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from runner.assets.collecting import asset_folder, collect, content_of
from runner.cli.control_client import open_client
from runner.cli.exits import Exit, UsageError
from runner.cli.tables import as_cell
from runner.cli.verbs import add_common, print_json
from runner.sources import read_source

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from runner.assets.collecting import LocalFile
    from runner.cli.control_client import ControlClient
    from runner.manifest import Manifest


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
    new_tenant = False
    folder = _files_to_deploy(source.manifest, options.path)
    if folder is not None:
        files = collect(folder)
        new_tenant = _upload(client, folder, files)
        body["assets"] = {path: file.hash for path, file in files.items()}
    answer = client.post("workers", options.name, "versions", body=body)
    if options.json:
        print_json(answer | {"newTenant": answer["newTenant"] or new_tenant})
        return Exit.OK
    if answer["newTenant"] or new_tenant:
        print(f"the tenant {client.tenant} was made")
    version = answer["version"]
    if answer["created"]:
        print(f"{options.name} is version {version} now")
    else:
        print(f"{options.name} is version {version} now, which has these very files")
    if answer["problem"]:
        print(as_cell(f"but it will not start: {answer['problem']}"), file=sys.stderr)
    return Exit.OK


def _files_to_deploy(manifest: Manifest, path: Path) -> Path | None:
    """Return the folder of static files; None where there is none, or object storage has them."""
    if manifest.assets is not None and manifest.assets.storage:
        return None
    return asset_folder(manifest, path)


def _upload(client: ControlClient, folder: Path, files: Mapping[str, LocalFile]) -> bool:
    """Upload what the runner does not have yet; tell whether that made the tenant."""
    listed = {path: {"hash": file.hash, "size": file.size} for path, file in files.items()}
    answer = client.post("assets", body={"files": listed})
    of_hash = {file.hash: path for path, file in files.items()}

    def contents() -> Iterator[tuple[tuple[str, ...], Iterator[bytes], int]]:
        for digest in answer["missing"]:
            path = of_hash[digest]
            size = files[path].size
            yield ("assets", digest), content_of(folder, path, size), size

    client.put_contents(contents())
    if count := len(answer["missing"]):
        print(f"{count} of {len(files)} static files were uploaded", file=sys.stderr)
    return bool(answer["newTenant"])
