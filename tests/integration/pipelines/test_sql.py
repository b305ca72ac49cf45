"""Statements of documents, in a real database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from runner.pipelines.errors import StageStartError
from tests.integration.pipelines.flow import open_flow

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from runner.config import Settings
    from tests.integration.pipelines.conftest import Tasks
    from tests.integration.pipelines.flow import Flow

DOCUMENT = """pipeline:
  in: {{module: pass}}
  ask:
    module: sql
    inputs: [in]
    config:
      connection: {url}
      query: {query}
      parallelism: {parallelism}
  errors: {{config: {{intervalSeconds: 0.05}}}}
  out: {{module: pass, inputs: [ask]}}
  told: {{module: pass, inputs: [errors]}}
"""


@pytest.fixture
def ask(
    settings: Settings, tmp_path: Path, bussin: str
) -> Callable[..., AbstractAsyncContextManager[Flow]]:
    """Open a flow whose stage ``ask`` has this query."""

    def ask(
        query: str, url: str = bussin, parallelism: int = 1
    ) -> AbstractAsyncContextManager[Flow]:
        path = tmp_path / "p.yaml"
        path.write_text(DOCUMENT.format(query=query, url=url, parallelism=parallelism))
        return open_flow(settings, path)

    return ask


def js(text: str) -> str:
    return "!!js/function >-\n        " + text.replace("\n", "\n        ")


async def test_values_in_a_tag_are_bound_whatever_is_in_them(
    ask: Callable[..., AbstractAsyncContextManager[Flow]], tasks: Tasks
) -> None:
    """A quote in a result is a quote, where the text of the document's own statement would end there."""
    query = js(
        "(event, db, SQL) => SQL`INSERT INTO tasks (key, results) VALUES (${event.key}, ${event.results}) RETURNING key, results`"
    )
    event = {"key": "it's'); DROP TABLE tasks; --", "results": {"a": "'", "b": [1, None]}}
    async with ask(query) as flow:
        await flow.feed(event)
        assert await flow.take() == [event]
    assert list(tasks.rows()) == [event["key"]]


async def test_each_row_is_an_event_with_values_of_json(
    ask: Callable[..., AbstractAsyncContextManager[Flow]], tasks: Tasks
) -> None:
    """bigint is text, as node-postgres has it; instants are ISO dates in UTC."""
    tasks.add("foo-1", payload='{"n": 1}', start="2026-11-22 10:00:00+02")
    tasks.add("foo-2")
    query = "SELECT *, 1::int4 AS one, NULL AS none FROM tasks ORDER BY id"
    async with ask(query) as flow:
        await flow.feed({})
        first, second = await flow.take(2)
    assert (first["id"], first["key"], first["payload"]) == ("1", "foo-1", {"n": 1})
    assert (first["start"], first["one"], first["none"]) == ("2026-11-22T08:00:00.000Z", 1, None)
    assert (first["status"], first["worker"], second["key"]) == ("queued", None, "foo-2")


VALUES: list[tuple[str, str, Any]] = [
    ("1.5", "float8", 1.5),
    ("'a'", "text", "a"),
    ("null", "text", None),
    ("undefined", "text", None),
    ("true", "bool", True),
    ("2n ** 60n", "int8", "1152921504606846976"),
    ("new Date(0)", "timestamptz", "1970-01-01T00:00:00.000Z"),
    ("({ a: [1] })", "jsonb", {"a": [1]}),
    ("[1, null, 3]", "int4[]", [1, None, 3]),
    ("['a\"b', 'c,d', 'NULL', '\\\\']", "text[]", ['a"b', "c,d", "NULL", "\\"]),
    ("[[1], [2]]", "int4[]", [[1], [2]]),
    ("new Uint8Array([0, 255])", "bytea", "\\x00ff"),
]


async def test_values_of_javascript_are_bound_as_node_postgres_does(
    ask: Callable[..., AbstractAsyncContextManager[Flow]],
) -> None:
    columns = ", ".join(
        f"${{{value}}}::{kind} AS c{n}" for n, (value, kind, _) in enumerate(VALUES)
    )
    async with ask(js(f"(event, db, SQL) => SQL`SELECT {columns}`")) as flow:
        await flow.feed({})
        [row] = await flow.take()
    assert row == {f"c{n}": expected for n, (_, _, expected) in enumerate(VALUES)}


async def test_statements_are_put_together_of_pieces(
    ask: Callable[..., AbstractAsyncContextManager[Flow]],
) -> None:
    query = js("""function (n, db, SQL) {
  const more = n > 1 ? SQL`AND ${n}::int > 1` : SQL``
  return SQL`SELECT ${n}::int AS n WHERE ${1}::int = 1 ${more} AND ${SQL('true')}`
}""")
    async with ask(query) as flow:
        await flow.feed(1, 2)
        assert await flow.take(2) == [{"n": 1}, {"n": 2}]


async def test_a_query_may_be_a_text_a_statement_of_db_or_nothing(
    ask: Callable[..., AbstractAsyncContextManager[Flow]],
) -> None:
    query = js("""(how, db, SQL) => ({
  text: 'SELECT 1 AS n', db: db.query('SELECT $1::int AS n', [2]), object: { text: 'SELECT 3 AS n' },
  later: Promise.resolve(SQL`SELECT ${4}::int AS n`), none: null,
})[how]""")
    async with ask(query) as flow:
        await flow.feed("text", "db", "none", "object", "later")
        assert [row["n"] for row in await flow.take(4)] == [1, 2, 3, 4]


async def test_several_statements_in_a_text_give_all_their_rows(
    ask: Callable[..., AbstractAsyncContextManager[Flow]],
) -> None:
    """As node-postgres has it: without values a text may have several statements."""
    async with ask(
        "SELECT 1 AS n; CREATE TEMP TABLE t (n int); SELECT 2 AS n UNION ALL SELECT 3"
    ) as flow:
        await flow.feed({})
        assert await flow.take(3) == [{"n": 1}, {"n": 2}, {"n": 3}]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELEC 1", 'ask: SyntaxError: syntax error at or near "SELEC"'),
        ("SELECT * FROM nowhere", 'ask: UndefinedTable: relation "nowhere" does not exist'),
        ("SELECT 1/0", "ask: DivisionByZero: division by zero"),
        (js("() => 3"), 'ask: TypeError: a query must return SQL`...`, SQL("..."), db.query(...), or a text'),
        (js("async (e, db) => (await db.query('SELECT 1')).rows"), "ask: TypeError: nothing has been executed yet: return the statement, its rows are the next events"),
        (js("(e, db, SQL) => SQL`SELECT ${'a' + String.fromCharCode(0)}`"), "ask: DataError: PostgreSQL text fields cannot contain NUL (0x00) bytes"),
        (js("(e, db, SQL) => SQL`SELECT ${() => 1}`"), "ask: TypeError: a function can not be a value of a statement"),
    ],
)  # fmt: skip
async def test_what_can_not_be_done_is_told(
    ask: Callable[..., AbstractAsyncContextManager[Flow]], query: str, message: str
) -> None:
    async with ask(query) as flow:
        await flow.feed({})
        assert (await flow.hear())["message"] == message


async def test_a_transaction_left_open_ends_with_its_event(
    ask: Callable[..., AbstractAsyncContextManager[Flow]], tasks: Tasks
) -> None:
    tasks.add("foo-1")
    query = js("(text) => text")
    async with ask(query) as flow:
        await flow.feed(
            "BEGIN; DELETE FROM tasks", "SELECT count(*)::int AS n FROM tasks", "BEGIN; SELECT 1/0"
        )
        assert await flow.take() == [{"n": 1}]
        await flow.feed("SELECT 2 AS n")
        assert await flow.take() == [{"n": 2}]


async def test_an_event_waits_while_the_database_is_away(
    ask: Callable[..., AbstractAsyncContextManager[Flow]],
    tasks: Tasks,
    postgres_url: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its connection is cut and no other is let in; when one is, no event is lost."""
    async with ask(
        "INSERT INTO tasks (key) SELECT 'k-' || count(*) FROM tasks RETURNING key"
    ) as flow:
        await flow.feed(1)
        assert await flow.take() == [{"key": "k-0"}]
        with psycopg.connect(postgres_url, autocommit=True) as server:
            server.execute("ALTER DATABASE bussin ALLOW_CONNECTIONS false")
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'isolane ask'"
            )
            await flow.feed(2, 3)
            while "waits for its database" not in caplog.text:
                await flow.pipeline.running["ask"].clock.wait(flow.pipeline.stopping, 0.01)
            server.execute("ALTER DATABASE bussin ALLOW_CONNECTIONS true")
        assert await flow.take(2) == [{"key": "k-1"}, {"key": "k-2"}]
    assert "stage 'ask': the database is back" in caplog.text


async def test_statements_run_side_by_side_if_they_may(
    ask: Callable[..., AbstractAsyncContextManager[Flow]],
) -> None:
    """Two that wait for each other's lock come to an end only together."""
    query = js("""(me, db, SQL) => SQL(`
  DO $$ BEGIN
    PERFORM pg_advisory_lock_shared(${me});
    WHILE (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid IN (71, 72)) < 2 LOOP
      PERFORM pg_sleep(0.01);
    END LOOP;
    PERFORM pg_sleep(0.1);
  END $$;
  SELECT ${me} AS me; SELECT pg_advisory_unlock_all() AS me WHERE false`)""")
    async with ask(query, parallelism=2) as flow:
        await flow.feed(71, 72)
        assert sorted(row["me"] for row in await flow.take(2)) == [71, 72]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgres://127.0.0.1:1/x", "stage 'ask' does not start: can not connect to x at 127.0.0.1:1: "),
        ("mysql://secret@h/x", "stage 'ask' does not start: config.connection must be a URL: postgres://HOST/DATABASE"),
        ("!!js/function '() => 3'", "stage 'ask' does not start: config.connection must be, or return, a URL"),
        ("!!js/function '() => { throw new Error(1) }'", "stage 'ask' does not start: config.connection: Error: 1"),
        ("postgres://h/x?what=1", "stage 'ask' does not start: config.connection is no URL of a database: "),
        ("postgres://u:%zzsecret@h/x", "stage 'ask' does not start: config.connection is no URL of a database: "),
        ("postgres://u:secret@[::1/x", "stage 'ask' does not start: config.connection is no URL of a database: "),
        ("postgres://u:my/secret@h/x", "stage 'ask' does not start: config.connection is no URL of a database: "),
    ],
)  # fmt: skip
async def test_a_connection_that_can_not_be_made_stops_the_start(
    ask: Callable[..., AbstractAsyncContextManager[Flow]], url: str, message: str
) -> None:
    async with ask("SELECT 1", url=url) as flow:
        with pytest.raises(StageStartError) as caught:
            await flow.running
    assert str(caught.value).startswith(message)
    assert "secret" not in str(caught.value)


async def test_a_map_leads_elsewhere(
    settings: Settings, tmp_path: Path, bussin: str, mapped: dict[str, str], login: dict[str, str]
) -> None:
    """The text names ``localhost:5432``; ``ssl`` is node-postgres' word for it."""
    user, password = login["PGUSER"], login["PGPASSWORD"]
    url = f"postgres://{user}:{password}@localhost/bussin?ssl=false"
    path = tmp_path / "p.yaml"
    path.write_text(DOCUMENT.format(query="SELECT 1 AS n", url=url, parallelism=1))
    async with open_flow(settings, path, mapped=mapped) as flow:
        await flow.feed({})
        assert await flow.take() == [{"n": 1}]
