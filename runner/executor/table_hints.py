"""Hears that there are tasks in a table; only a hint, as whoever waits for it looks without it, too.

The connection is its own, is tried when nothing was heard for a while, and comes back. Must not know what is done about a hint.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import sql

from runner.errors import DatabaseUnavailableError
from runner.store.pool import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_log = logging.getLogger(__name__)
_PROBE_EVERY_S: Final = 10.0
_ANSWER_WITHIN_S: Final = 5.0
_FIRST_BACKOFF_S: Final = 0.05
_LAST_BACKOFF_S: Final = 2.0


class TableHints:
    """``wake()`` is called for each hint, and when some may have been missed. It may not wait."""

    def __init__(self, url: str, channels: Sequence[str], wake: Callable[[], None]) -> None:
        self._url = url
        self._channels = channels
        self._wake = wake

    async def run(self) -> None:
        """Hear until it is cancelled."""
        backoff_s, told = _FIRST_BACKOFF_S, False
        while True:
            try:
                async with connect(self._url) as connection:
                    for channel in self._channels:
                        await connection.execute(
                            sql.SQL("LISTEN {}").format(sql.Identifier(channel))
                        )
                    if told:
                        _log.warning("the database is heard again")
                    backoff_s, told = _FIRST_BACKOFF_S, False
                    self._wake()
                    while True:
                        async for _ in connection.notifies(timeout=_PROBE_EVERY_S):
                            self._wake()
                        # A line that went dead is not told from one on which nothing is said.
                        async with asyncio.timeout(_ANSWER_WITHIN_S):
                            await connection.execute("SELECT")
            except (psycopg.Error, DatabaseUnavailableError, OSError) as error:
                if not told:
                    told = True
                    reason = str(error).strip() or "no answer"
                    _log.warning("the database is not heard, looking goes on: %s", reason)
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, _LAST_BACKOFF_S)
