"""``isolane backup``: backups of the database, by hand. It talks to the database and the place itself; no runner is needed."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.cli.backup_progress import open_progress
from runner.cli.backup_report import age, described, in_bytes, say_restored, say_what_is_not_in
from runner.cli.dev_state import read_dev_state
from runner.cli.exits import Exit, UsageError
from runner.cli.tables import as_table
from runner.cli.verbs import print_json
from runner.config import load_settings
from runner.service_settings import parse_database_url

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator

    from runner.backup.place import Kept, Place
    from runner.backup.places import PlaceSettings


def add_options(command: argparse.ArgumentParser) -> None:
    verbs = command.add_subparsers(
        dest="verb", metavar="VERB", required=True, parser_class=type(command)
    )
    create = verbs.add_parser("create", help="make a backup of the database")
    create.add_argument(
        "--output", metavar="F", type=Path, help="write it here instead of where they are kept"
    )
    create.add_argument(
        "--database-url", metavar="URL", help="of which database (default: DATABASE_URL)"
    )
    create.set_defaults(run=_create)
    verbs.add_parser("ls", help="list the backups").set_defaults(run=_list)
    restore = verbs.add_parser("restore", help="restore one into an empty database")
    restore.add_argument("name", metavar="BACKUP", help="its name, latest, or the path of a file")
    restore.add_argument(
        "--into", metavar="URL", help="into which database (default: DATABASE_URL)"
    )
    restore.set_defaults(run=_restore)
    verify = verbs.add_parser("verify", help="say whether one is as it was written")
    verify.add_argument("name", metavar="BACKUP", help="its name, latest, or the path of a file")
    verify.set_defaults(run=_verify)
    for verb in verbs.choices.values():
        verb.add_argument("--json", action="store_true", help="as JSON")


def main(options: argparse.Namespace) -> int:
    asyncio.run(options.run(options))
    return Exit.OK


async def _create(options: argparse.Namespace) -> None:
    from runner.backup.making import make_backup
    from runner.backup.place import name_of
    from runner.backup.places import open_place

    url = _database_url(options.database_url, "--database-url")
    async with open_place(_settings_of(options.output)) as place:
        name = options.output.name if options.output else name_of(datetime.now(UTC))
        with open_progress(options) as progress:
            backup = await make_backup(url, place, name, progress)
        said = described(backup.manifest) | {
            "name": name,
            "place": place.described,
            "size": backup.size,
        }
    if options.json:
        print_json(said)
        return
    print(f"{name} in {said['place']}: {backup.manifest.rows} rows, {in_bytes(backup.size)}")
    say_what_is_not_in(backup.manifest)


async def _list(options: argparse.Namespace) -> None:
    from runner.backup.errors import DamagedBackupError
    from runner.backup.place import describe, kept
    from runner.backup.places import open_place

    rows: list[dict[str, Any]] = []
    async with open_place(_settings_of(None)) as place:
        for one in await kept(place):
            row: dict[str, Any] = {"name": one.name, "size": one.bytes, "madeAt": one.made_at}
            try:
                row |= described(await describe(place, one.name, one.bytes))
            except DamagedBackupError as error:
                row["damaged"] = error.reason
            rows.append(row)
    if options.json:
        print_json(rows)
    elif rows:
        now = datetime.now(UTC)
        cells = [
            [
                row["name"],
                age((now - row["madeAt"]).total_seconds()),
                in_bytes(row["size"]),
                row.get("rows"),
                row.get("schema", f"damaged: {row.get('damaged')}"),
            ]
            for row in rows
        ]
        print(as_table(["NAME", "AGE", "SIZE", "ROWS", "SCHEMA"], cells))
    else:
        print("none", file=sys.stderr)


async def _verify(options: argparse.Namespace) -> None:
    from runner.backup.verifying import verify

    async with _found(_file(options.name), options.name) as (place, one):
        with open_progress(options) as progress:
            async with aclosing(place.read(one.name)) as chunks:
                manifest = await verify(chunks, one.name, one.bytes, progress)
    if options.json:
        print_json(described(manifest) | {"name": one.name, "size": one.bytes, "ok": True})
    else:
        print(f"{one.name} is as it was written: {manifest.rows} rows, {in_bytes(one.bytes)}")


async def _restore(options: argparse.Namespace) -> None:
    from runner.backup.restoring import Restore
    from runner.backup.tenants import remake_databases
    from runner.backup.verifying import verify
    from runner.store.migrate import read_migrations
    from runner.store.pool import connect, describe
    from runner.store.secrets import SecretBox

    url = _database_url(options.into, "--into")
    keys = load_settings().secrets_keys
    async with _found(_file(options.name), options.name) as (place, one):
        with open_progress(options) as progress:
            async with aclosing(place.read(one.name)) as chunks:
                manifest = await verify(chunks, one.name, one.bytes, progress)
            async with connect(url) as connection:
                restore = Restore(connection, manifest, one.name, read_migrations(), progress)
                await restore.check()
                async with aclosing(place.read(one.name)) as chunks:
                    restored = await restore.run(chunks)
                remade = await remake_databases(connection, url, SecretBox(keys))
    missing = sorted(set(manifest.secret_keys) - {key.id for key in keys})
    say_restored(options, one.name, describe(url), manifest, restored, remade, missing)


# --- which --------------------------------------------------------------------------------------------------------


def _database_url(given: str | None, option: str) -> str:
    if given is not None:
        try:
            return parse_database_url(given)
        except ValueError as error:
            raise UsageError(f"{option} can not be used: {error}") from None
    state = read_dev_state()
    if url := load_settings().database_url or (state.postgres if state is not None else ""):
        return url
    raise UsageError(f"which database? Set DATABASE_URL, or use {option} postgresql://...")


def _settings_of(output: Path | None) -> PlaceSettings:
    """Return where a file is, or where backups are kept."""
    from runner.backup.places import PlaceSettings, place_settings

    if output is None:
        return place_settings(load_settings())
    return PlaceSettings(folder=str(output.absolute().parent))


def _file(name: str) -> Path | None:
    """Return the file that is meant; None for a name among those that are kept.

    Raises
    ------
    NotFoundError
        There is no such file.

    """
    from runner.errors import NotFoundError

    path = Path(name)
    if path.is_file():
        return path
    if os.sep in name:
        raise NotFoundError("file", name)
    return None


@asynccontextmanager
async def _found(path: Path | None, name: str) -> AsyncIterator[tuple[Place, Kept]]:
    """Find a backup by its path, or by its name among those that are kept."""
    from runner.backup.place import Kept, find
    from runner.backup.places import open_place

    async with open_place(_settings_of(path)) as place:
        if path is None:
            yield place, await find(place, name)
        else:
            size = (await asyncio.to_thread(path.stat)).st_size
            yield place, Kept(path.name, size, datetime.now(UTC))
