"""One tenant's part of the database: whatever is asked for below ``/v1/tenants/NAME`` is asked for in here."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

import msgspec

from runner.api.errors import not_found
from runner.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from uuid import UUID

    from runner.store.session import Session, Store

T = TypeVar("T")

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
"""What things are called; ids are taken where names are."""


class TenantSession(NamedTuple):
    """A transaction for one tenant."""

    session: Session
    tenant: UUID


class Scope:
    """Opens transactions for tenants."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @asynccontextmanager
    async def of(self, tenant: str) -> AsyncIterator[TenantSession]:
        """Open a transaction for a tenant that is there.

        Raises
        ------
        ApiError
            It is not.

        """
        async with self.store.session() as session:
            try:
                found = await session.tenants.get(tenant)
            except NotFoundError as error:
                raise not_found(
                    f"tenant {tenant[:64]!r}", "deploy a worker for it first, which makes it"
                ) from error
            yield TenantSession(session, found.id)


def view(row: object, kind: type[T]) -> T:
    """Return what clients see of a row."""
    return msgspec.convert(row, kind, from_attributes=True)


def views(rows: Iterable[Any], kind: type[T]) -> list[T]:
    return [view(row, kind) for row in rows]
