"""``isolane backup``: backups of the database, by hand. It talks to the database and the place itself; no runner is needed."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from runner.cli.backup_progress import open_progress
from runner.cli.dev_state import read_dev_state
from runner.cli.exits import Exit, UsageError
from runner.cli.tables import as_table
from runner.cli.verbs import print_json
from runner.config import load_settings
from runner.service_settings import parse_database_url

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator

    from runner.backup.manifest import Manifest
    from runner.backup.place import Kept, Place
    from runner.backup.places import PlaceSettings
    from runner.backup.restoring import Restored
    from runner.backup.tenants import Remade

_UNITS = ("B", "kB", "MB", "GB", "TB")


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
        said = _described(backup.manifest) | {
            "name": name,
            "place": place.described,
            "size": backup.size,
        }
    if options.json:
        print_json(said)
        return
    print(f"{name} in {said['place']}: {backup.manifest.rows} rows, {_size(backup.size)}")
    _notes(backup.manifest)


async def _list(options: argparse.Namespace) -> None:
    from runner.backup.errors import DamagedBackupError
    from runner.backup.place import describe, kept
    from runner.backup.places import open_place

    rows: list[dict[str, Any]] = []
    async with open_place(_settings_of(None)) as place:
        for one in await kept(place):
            row: dict[str, Any] = {"name": one.name, "size": one.bytes, "madeAt": one.made_at}
            try:
                row |= _described(await describe(place, one.name, one.bytes))
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
                _age((now - row["madeAt"]).total_seconds()),
                _size(row["size"]),
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
        print_json(_described(manifest) | {"name": one.name, "size": one.bytes, "ok": True})
    else:
        print(f"{one.name} is as it was written: {manifest.rows} rows, {_size(one.bytes)}")


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
    _say_restored(options, one.name, describe(url), manifest, restored, remade, missing)


def _say_restored(
    options: argparse.Namespace,
    name: str,
    where: str,
    manifest: Manifest,
    restored: Restored,
    remade: Remade,
    missing: list[int],
) -> None:
    if options.json:
        said = {
            "name": name,
            "database": where,
            "equal": True,
            "migrated": restored.migrated,
            "tasksReleased": restored.tasks_released,
            "eventsReleased": restored.events_released,
            "databasesMade": remade.made,
            "databasesFailed": remade.failed,
            "secretKeysMissing": missing,
        }
        print_json(_described(manifest) | said)
        return
    print(
        f"{name} is restored into {where}: {manifest.rows} rows in {len(manifest.tables)} tables, each equal to the backup's"
    )
    if restored.migrated:
        print(f"then migrated: {', '.join(restored.migrated)}")
    if restored.tasks_released:
        print(f"tasks that ran and are pending again: {restored.tasks_released}")
    if restored.events_released:
        print(f"scheduled events that ran and are to run again: {restored.events_released}")
    if remade.made:
        print(f"empty databases of tenants were made: {', '.join(remade.made)}")
    for database, why in remade.failed.items():
        _warn(f"the database {database} of a tenant could not be made: {why}")
    if missing:
        ids = ", ".join(map(str, missing))
        _warn(f"secrets in it are sealed with key {ids}, which SECRETS_KEY does not have")
    if missing and not load_settings().secrets_keys:
        _warn("set SECRETS_KEY before a runner starts")


def _notes(manifest: Manifest) -> None:
    if manifest.tenant_databases:
        names = ", ".join(manifest.tenant_databases)
        _warn(f"what is in databases of tenants is not in it (pg_dump has it): {names}")
    if manifest.left_out:
        _warn(f"tables of others are not in it: {', '.join(manifest.left_out)}")


def _warn(text: str) -> None:
    print(f"isolane: note: {text}", file=sys.stderr)


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
            sizes = await place.sizes()
            yield place, Kept(path.name, sizes[path.name], datetime.now(UTC))


# --- in words -----------------------------------------------------------------------------------------------------


def _described(manifest: Manifest) -> dict[str, Any]:
    last = manifest.migrations[-1].name if manifest.migrations else ""
    fields = msgspec.to_builtins(manifest)
    kept = ("createdAt", "isolane", "postgresql", "secretKeys", "tenantDatabases", "leftOut")
    return {name: fields[name] for name in kept} | {
        "schema": last,
        "migrations": len(manifest.migrations),
        "rows": manifest.rows,
        "tables": {part.table: part.rows for part in manifest.tables},
    }


def _size(count: float) -> str:
    unit = 0
    while count >= 1000 and unit + 1 < len(_UNITS):
        count, unit = count / 1000, unit + 1
    return f"{count:.1f} {_UNITS[unit]}" if unit else f"{count:.0f} B"


def _age(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"
