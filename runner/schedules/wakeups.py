"""Hears when ``crons`` was changed (NOTIFY ``cron_update``), so that nobody waits for the next poll.

Must not know what a change means.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import psycopg

from runner.errors import DatabaseUnavailableError
from runner.store.pool import connect

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)
_AGAIN_S: Final = 1.0


async def listen(url: str, notice: Callable[[], None]) -> None:
    """Call ``notice`` for every change, and whenever some may have gone unheard; until it is cancelled."""
    while True:
        try:
            async with connect(url) as connection:
                await connection.execute("LISTEN cron_update")
                notice()
                async for _ in connection.notifies():
                    notice()
        except (psycopg.Error, DatabaseUnavailableError) as error:
            _log.debug("cron_update is not heard for a moment: %s", error)
        await asyncio.sleep(_AGAIN_S)
