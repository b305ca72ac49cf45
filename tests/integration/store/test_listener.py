"""Whoever remembers what the database says hears when it is not true any more."""

from __future__ import annotations

import asyncio

import pytest

from runner.errors import DatabaseUnavailableError
from runner.store import listener
from runner.store.listener import Listener
from runner.store.pool import connect
from tests.integration.store.line import open_line

_CHANNEL = "told"


async def test_a_line_that_went_silent_is_noticed_and_opened_anew(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No error, no end of the connection: only nothing."""
    monkeypatch.setattr(listener, "_ANSWER_WITHIN_S", 0.3)
    heard: asyncio.Queue[str] = asyncio.Queue()
    missed = asyncio.Event()
    async with connect(database) as connection, open_line(database) as line:
        listening = Listener(
            line.url, [_CHANNEL], lambda _, word: heard.put_nowait(word), missed.set,
            needs=True, probe_every_s=0.05,
        )  # fmt: skip
        async with asyncio.timeout(20), listening:
            await connection.execute("SELECT pg_notify(%s, 'one')", (_CHANNEL,))
            assert await heard.get() == "one"
            assert not missed.is_set(), "it has listened from the start"
            line.freeze()
            while listening.connected.is_set():
                await asyncio.sleep(0.01)
            line.thaw()
            await missed.wait()
            await connection.execute("SELECT pg_notify(%s, 'two')", (_CHANNEL,))
            while await heard.get() != "two":
                pass


async def test_who_needs_the_database_does_not_open_without_it(database: str) -> None:
    async with open_line(database) as line:
        await line.cut()
        listening = Listener(line.url, [_CHANNEL], lambda *_: None, lambda: None, needs=True)
        with pytest.raises(DatabaseUnavailableError, match="refused"):
            await listening.__aenter__()
        await line.join()
        async with listening:
            assert listening.connected.is_set()
