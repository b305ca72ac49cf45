"""Backups in words, or as JSON."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec

from runner.cli.verbs import print_json

if TYPE_CHECKING:
    import argparse

    from runner.backup.manifest import Manifest
    from runner.backup.restoring import Restored
    from runner.backup.tenants import Remade

_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


def described(manifest: Manifest) -> dict[str, Any]:
    last = manifest.migrations[-1].name if manifest.migrations else ""
    fields = msgspec.to_builtins(manifest)
    kept = ("createdAt", "isolane", "postgresql", "secretKeys", "tenantDatabases", "leftOut")
    return {name: fields[name] for name in kept} | {
        "schema": last,
        "migrations": len(manifest.migrations),
        "rows": manifest.rows,
        "tables": {part.table: part.rows for part in manifest.tables},
    }


def in_bytes(count: float) -> str:
    unit = 0
    while count >= 1000 and unit + 1 < len(_UNITS):
        count, unit = count / 1000, unit + 1
    return f"{count:.1f} {_UNITS[unit]}" if unit else f"{count:.0f} B"


def age(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def say_restored(
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
        print_json(described(manifest) | said)
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


def say_what_is_not_in(manifest: Manifest) -> None:
    if manifest.tenant_databases:
        names = ", ".join(manifest.tenant_databases)
        _warn(f"what is in databases of tenants is not in it (pg_dump has it): {names}")
    if manifest.left_out:
        _warn(f"tables of others are not in it: {', '.join(manifest.left_out)}")


def _warn(text: str) -> None:
    print(f"isolane: note: {text}", file=sys.stderr)
