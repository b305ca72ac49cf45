"""What a backup says of itself: in few words at its beginning, in full at its end."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

import msgspec

FORMAT: Final = 1


class Head(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag="isolane backup"):
    """The first member: enough to refuse what is none, or too new."""

    format: int = FORMAT
    isolane: str
    """The version that made it."""
    created_at: datetime


class AppliedMigration(msgspec.Struct, frozen=True):
    """A file of ``migrations/`` that the database had."""

    number: int
    name: str
    checksum: str


class TablePart(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The rows of one table, in PostgreSQL's text format of COPY."""

    table: str
    columns: list[str]
    rows: int
    bytes: int
    """Before they were compressed."""
    sha256: str
    """Of those bytes."""
    content: str
    """The sum of the SHA-256 of each row, modulo 2^256: the same for the same rows in any order."""


class SequenceValue(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where a sequence was."""

    sequence: str
    value: int
    is_called: bool


class Manifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Everything but the rows."""

    format: Literal[1] = FORMAT
    isolane: str
    created_at: datetime
    """Of the snapshot, by the database's clock."""
    postgresql: str
    migrations: list[AppliedMigration]
    tables: list[TablePart]
    sequences: list[SequenceValue]
    secret_keys: list[int]
    """Ids of the keys in ``SECRETS_KEY`` that secrets were sealed with."""
    tenant_databases: list[str]
    """Databases of tenants: their rows are here, their content is not."""
    left_out: list[str]
    """Tables of others in the same database."""

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.tables)

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in self.tables)
