"""The servers that ``serve`` needs and does not start: waited for by name, and looked at before they are used.

Must not know what they are used for.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import psycopg

from runner.errors import DatabaseUnavailableError, MigrationConflictError
from runner.service_settings import without_password
from runner.store.migrate import Migrator, State
from runner.store.pool import connect, describe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from runner.config import Settings
    from runner.store.migrate import Standing

_log = logging.getLogger(__name__)
_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 5.0
_CONNECT_WITHIN_S: Final = 5.0
_ANSWER_WITHIN_S: Final = 5.0
_NATS_PORT: Final = 4222


class ExistingServers:
    """PostgreSQL and NATS as the settings name them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def ready(self) -> Settings:
        """Wait until both are there, as long as it takes.

        Raises
        ------
        MigrationConflictError
            The schema is not this version's.

        """
        await asyncio.gather(
            _wait_for(
                f"PostgreSQL ({describe(self._settings.database_url)})", self._look_at_schema
            ),
            _wait_for(f"NATS ({self._nats()})", self._knock_at_nats),
        )
        return self._settings

    async def _look_at_schema(self) -> None:
        async with connect(
            self._settings.database_url, answer_within_s=_ANSWER_WITHIN_S
        ) as connection:
            check_schema(await Migrator(connection).status(), describe(self._settings.database_url))

    async def _knock_at_nats(self) -> None:
        """Connect to any of the servers, without a word."""
        error: OSError = OSError("there is no address")
        for server in self._settings.nats_servers:
            parts = urlsplit(server)
            try:
                async with asyncio.timeout(_CONNECT_WITHIN_S):
                    _, writer = await asyncio.open_connection(
                        parts.hostname, parts.port or _NATS_PORT
                    )
            except OSError as refused:
                error = refused
            else:
                writer.close()
                return
        raise error

    def _nats(self) -> str:
        return ", ".join(map(without_password, self._settings.nats_servers))


def check_schema(standings: list[Standing], place: str) -> None:
    """Refuse a database that lacks what this version needs.

    One that has more is of a newer version: while a fleet is brought to it, older runners go on.

    Raises
    ------
    MigrationConflictError
        It lacks something, or has it changed.

    """
    of_state = {state: [one.name for one in standings if one.state is state] for state in State}
    if pending := of_state[State.PENDING]:
        raise MigrationConflictError(
            f"the schema of {place} is not up to date, it lacks {', '.join(pending)}: run isolane migrate up"
        )
    if changed := of_state[State.CHANGED]:
        raise MigrationConflictError(
            f"{', '.join(changed)} was changed after it was applied to {place}: see isolane migrate status"
        )
    if unknown := of_state[State.UNKNOWN]:
        _log.warning("%s is of a newer version of Isolane: it has %s", place, ", ".join(unknown))


async def _wait_for(what: str, look: Callable[[], Awaitable[None]]) -> None:
    wait_s = _FIRST_WAIT_S
    while True:
        try:
            await look()
        except (DatabaseUnavailableError, OSError, psycopg.OperationalError) as error:
            reason = str(error).strip() or "no answer"
            _log.warning("waiting for %s: %s; next try in %.1f s", what, reason, wait_s)
        else:
            return
        await asyncio.sleep(wait_s)
        wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
