"""``isolane migrate``: the schema of a database, and how it stands."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from runner.cli.exits import Exit, UsageError
from runner.config import load_settings
from runner.service_settings import parse_database_url

if TYPE_CHECKING:
    import argparse

    from runner.store.migrate import Migrator, Standing
    from runner.store.pool import Connection


def main(options: argparse.Namespace) -> int:
    return asyncio.run(_migrate(options, _database_url(options)))


def _database_url(options: argparse.Namespace) -> str:
    if options.database_url is not None:
        try:
            return parse_database_url(options.database_url)
        except ValueError as error:
            raise UsageError(f"--database-url can not be used: {error}") from None
    if url := load_settings().database_url:
        return url
    raise UsageError("which database? Set DATABASE_URL, or use --database-url postgresql://...")


async def _migrate(options: argparse.Namespace, url: str) -> int:
    from runner.store.migrate import Migrator
    from runner.store.pool import connect

    async with connect(url) as connection:
        migrator = Migrator(connection)
        match options.verb:
            case "status":
                _print_status(await migrator.status(), as_json=options.json)
            case "up":
                await _up(migrator, connection, options)
            case _:
                names = await migrator.baseline(dry_run=options.dry_run)
                _print_names("noted", names, options)
    return Exit.OK


async def _up(migrator: Migrator, connection: Connection, options: argparse.Namespace) -> None:
    """Apply what is pending, then seal what other tools left in clear text."""
    from runner.store.sealing import seal_all
    from runner.store.secrets import SecretBox

    tell = None if options.json or options.dry_run else lambda name: print(name, flush=True)
    names = await migrator.up(dry_run=options.dry_run, tell=tell)
    sealed = 0
    if not options.dry_run:
        sealed = await seal_all(connection, SecretBox(load_settings().secrets_keys))
    if tell is None:
        _print_names("applied", names, options, sealed)
        return
    if sealed:
        print(f"sealed {sealed} secrets")
    elif not names:
        print("nothing to do")


def _print_names(verb: str, names: list[str], options: argparse.Namespace, sealed: int = 0) -> None:
    if options.json:
        print(json.dumps({verb: names, "dryRun": options.dry_run, "sealed": sealed}))
        return
    for name in names:
        print(f"would be {verb}: {name}" if options.dry_run else name)
    if not names:
        print("nothing to do")


def _print_status(standings: list[Standing], *, as_json: bool) -> None:
    if as_json:
        migrations = [
            {
                "name": one.name,
                "state": one.state,
                "baseline": one.baseline,
                "appliedAt": one.applied_at and one.applied_at.isoformat(),
            }
            for one in standings
        ]
        print(json.dumps({"migrations": migrations}))
        return
    for one in standings:
        when = f"  {one.applied_at:%Y-%m-%d %H:%M:%S}" if one.applied_at else ""
        print(f"{one.state:<8}  {one.name}{when}")
