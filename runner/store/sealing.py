"""Seals what other tools wrote in clear text, and seals again what an older key sealed: in a database that is taken over, and after
a change of keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from runner.store.database import Statements
from runner.store.named_queries import load_queries
from runner.store.secrets import SecretPlace

if TYPE_CHECKING:
    from runner.store.pool import Connection
    from runner.store.secrets import SecretBox

_COLUMNS: Final = {
    "environment_values": "value",
    "storage_configs": "secret_access_key",
    "database_configs": "connection_string",
    "tasks_certificates": "sealed",
    "tasks_options": "options",
    "tasks_result": "result",
}
"""By the name of their statements, which is the table's but for these."""
_TABLES: Final = {"tasks_options": "tasks", "tasks_result": "tasks"}


class _Secret(msgspec.Struct, frozen=True):
    tenant: UUID
    row: UUID
    clear: str | None
    sealed: bytes | None


async def seal_all(connection: Connection, box: SecretBox) -> int:
    """Seal them in one transaction; return how many there were. Without a key nothing is done.

    Raises
    ------
    SecretError
        One was sealed with a key that is not here.

    """
    if not box.current:
        return 0
    statements = Statements(connection, load_queries("sealing"))
    count = 0
    async with connection.transaction():
        for name, column in _COLUMNS.items():
            table = _TABLES.get(name, name)
            for secret in await statements.all(_Secret, f"open_{name}", head=box.current):
                place = SecretPlace(table, column, secret.tenant, secret.row)
                clear = secret.clear or ""
                if secret.sealed is not None and not clear:
                    clear = box.open(secret.sealed, place)
                sealed = box.seal(clear, place)
                await statements.run(f"seal_{name}", row=secret.row, sealed=sealed)
                count += 1
    return count
