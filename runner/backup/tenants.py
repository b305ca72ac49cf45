"""Databases of tenants after a restore: where the server has none, an empty one is made, with its role and its walls.

Their content is no part of a backup (docs/backup.md). Must not know files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import psycopg

from runner.errors import RefusedError, SecretError
from runner.store.named_queries import load_queries
from runner.store.tenant_databases import remake_platform_database, role_of

if TYPE_CHECKING:
    from runner.store.pool import Connection
    from runner.store.secrets import SecretBox


class Remade(NamedTuple):
    """Databases by name."""

    made: list[str]
    """They are there now, and empty."""
    failed: dict[str, str]
    """They are not; why."""


async def remake_databases(connection: Connection, url: str, box: SecretBox) -> Remade:
    """Make what the server at ``url``, which the connection is to, does not have of the configured databases."""
    queries = load_queries("backup")
    cursor = await connection.execute(queries["unmade_databases"].encode())
    made: list[str] = []
    failed: dict[str, str] = {}
    for config, tenant, half in await cursor.fetchall():
        name = role_of(config)
        if half:
            failed[name] = "its role is there, but it is not"
            continue
        try:
            sealed = await remake_platform_database(
                connection, url, box, tenant=tenant, config=config
            )
        except (RefusedError, SecretError, psycopg.Error) as error:
            failed[name] = str(error).strip()
            continue
        values = {"id": config, "sealed": sealed}
        await connection.execute(queries["reseal_database"].encode(), values)
        made.append(name)
    return Remade(made, failed)
