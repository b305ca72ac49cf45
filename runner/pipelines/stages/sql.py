"""``sql``: a statement for each event, in PostgreSQL; each row that comes back is an event.

A function ``query`` writes the statement in its isolate; it is executed here. An event waits while the database is away, and is not lost.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from runner.pipelines.errors import FunctionError, StageStartError
from runner.pipelines.stage import JsFunction, Stage, StageConfig
from runner.pipelines.stages.sql_session import LostConnectionError, SqlSession, read_place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.pipelines.stage import Emit, Event, StageContext

_DRIVER: Final = re.compile(r"(npm:)?(pg|postgres)(@\S+)?")
_FIRST_WAIT_S: Final = 0.1
_LAST_WAIT_S: Final = 10.0


class SqlConfig(StageConfig, frozen=True, kw_only=True):
    """``query(event, db, SQL)`` returns a statement; a text is the same one for all events."""

    connection: str | JsFunction
    query: str | JsFunction
    driver: str = "npm:pg@8"
    parallelism: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1

    def __post_init__(self) -> None:
        if not _DRIVER.fullmatch(self.driver):
            raise ValueError(
                f"there is no driver {self.driver!r}: the stage speaks PostgreSQL, npm:pg@8"
            )


class Statement(msgspec.Struct, frozen=True):
    """What a query function returned, as sql.js packs it; with values they are bound to ``$1`` and so on."""

    text: str
    values: list[str | None] = []


class Sql(Stage[SqlConfig]):
    """Holds as many connections as events are taken at once."""

    Config = SqlConfig
    javascript = "sql.js"

    def __init__(self, context: StageContext, config: SqlConfig) -> None:
        super().__init__(context, config)
        self._sessions: list[SqlSession] = []
        self._idle: asyncio.Queue[SqlSession] = asyncio.Queue()
        self._away = False

    @property
    def parallelism(self) -> int:
        return self.config.parallelism

    async def start(self) -> None:
        url = self.config.connection
        if isinstance(url, JsFunction):
            try:
                url = await self.context.call(url)
            except FunctionError as error:
                raise StageStartError(f"config.connection: {error}") from error
        if not isinstance(url, str):
            raise StageStartError(
                "config.connection must be, or return, a URL: postgres://HOST/DATABASE"
            )
        place = read_place(url, self.context)
        for _ in range(self.config.parallelism):
            session = SqlSession(place, self.context.name)
            self._sessions.append(session)
            self._idle.put_nowait(session)
        try:
            # One is enough to see that it can be done.
            await self._sessions[0].open()
        except LostConnectionError as error:
            raise StageStartError(str(error)) from error

    async def on_events(self, events: Sequence[Event], emit: Emit) -> None:
        query = self.config.query
        if isinstance(query, str):
            await super().on_events([Statement(query)] * len(events), emit)
            return
        statements = []
        for result in await self.context.call_each(query, [(event,) for event in events]):
            if isinstance(result, FunctionError):
                self.context.error(result)
            elif result is not None:
                statements.append(msgspec.convert(result, Statement))
        await super().on_events(statements, emit)

    async def on_event(self, event: Event, emit: Emit) -> None:
        for row in await self._execute(event):
            await emit(row)

    async def _execute(self, statement: Statement) -> list[dict[str, Any]]:
        """Return the rows of a statement; it is begun again when the connection is lost."""
        wait_s = 0.0
        while True:
            session = await self._idle.get()
            try:
                rows = await session.execute(statement.text, statement.values)
            except LostConnectionError as error:
                self._report(error)
            else:
                self._report(None)
                return rows
            finally:
                self._idle.put_nowait(session)
            if wait_s:
                await self.context.clock.wait(asyncio.Event(), wait_s)
            wait_s = min(max(2 * wait_s, _FIRST_WAIT_S), _LAST_WAIT_S)

    def _report(self, error: LostConnectionError | None) -> None:
        """Say once that the database is away, and once that it is back."""
        if error is not None and not self._away:
            self.context.log.warning(
                "stage %r waits for its database: %s", self.context.name, error
            )
        elif error is None and self._away:
            self.context.log.warning("stage %r: the database is back", self.context.name)
        self._away = error is not None

    async def stop(self) -> None:
        for session in self._sessions:
            await session.close()
