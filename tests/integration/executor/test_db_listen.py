"""``isolane db-listen``: tasks that are rows."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.conftest import Cli, Running

SEED = """
CREATE TABLE {table} (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(), script TEXT NOT NULL, payload JSONB,
    status TEXT NOT NULL DEFAULT 'pending', result JSONB, error TEXT, created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    started_at TIMESTAMPTZ, completed_at TIMESTAMPTZ
)"""
LEASES = """
ALTER TABLE {table} ADD lease_id uuid, ADD leased_until timestamptz, ADD attempts int NOT NULL DEFAULT 0,
    ADD max_attempts int, ADD scheduled_at timestamptz, ADD priority int NOT NULL DEFAULT 0, ADD retry jsonb"""
TELL = """
CREATE FUNCTION {told}() RETURNS TRIGGER AS $$
BEGIN PERFORM pg_notify('task_ended', NEW.id::text); RETURN NEW; END; $$ LANGUAGE plpgsql;
CREATE TRIGGER ended AFTER UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {told}()"""


class Table:
    """A table of the seed's form; a trigger tells of changes, so that tests need not look again and again."""

    def __init__(self, url: str, *name: str, leased: bool = False) -> None:
        self.url = url
        # Its placeholders are not found in names.
        self.connection = psycopg.connect(url, autocommit=True, cursor_factory=psycopg.RawCursor)
        self.name = sql.Identifier(*name)
        told = sql.Identifier(*name[:-1], "told_" + name[-1][:40])
        for text in (SEED, LEASES if leased else "", TELL):
            if text:
                self.connection.execute(sql.SQL(text).format(table=self.name, told=told))
        self.connection.execute("LISTEN task_ended")

    def add(self, script: str | None, payload: str | None = None, **columns: Any) -> Any:
        columns = {"script": script, "payload": payload, **columns}
        query = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING id").format(
            self.name,
            sql.SQL(",").join(map(sql.Identifier, columns)),
            sql.SQL(",").join(sql.SQL(f"${place}") for place in range(1, len(columns) + 1)),
        )
        row = self.connection.execute(query, list(columns.values())).fetchone()
        assert row is not None
        return row[0]

    def get(self, task: Any, columns: str = "status, result, error") -> tuple[Any, ...]:
        query = sql.SQL("SELECT {} FROM {} WHERE id = $1").format(sql.SQL(columns), self.name)
        row = self.connection.execute(query, [task]).fetchone()
        assert isinstance(row, tuple)
        return row

    def until(self, task: Any, *statuses: str) -> tuple[Any, ...]:
        """Wait until the task has one of these states."""
        row = self.get(task)
        for _ in range(40):
            if row[0] in statuses:
                return row
            next(self.connection.notifies(timeout=1, stop_after=1), None)
            row = self.get(task)
        raise AssertionError(row)

    def end(self, task: Any) -> tuple[Any, ...]:
        return self.until(task, "completed", "failed")


@pytest.fixture
def url(create_database: Callable[[str], str]) -> str:
    return create_database("template1")


@pytest.fixture
def make(url: str) -> Any:
    tables: list[Table] = []

    def make(*name: str, leased: bool = False) -> Table:
        tables.append(Table(url, *name, leased=leased))
        return tables[-1]

    yield make
    for table in tables:
        table.connection.close()


@pytest.fixture
def listen(start: Callable[..., Running], url: str, root: Path) -> Callable[..., Running]:
    def listen(*arguments: Any, **environ: str) -> Running:
        return start("db-listen", "--database-url", url, "--root", root, *arguments, **environ)

    return listen


def test_outcomes_of_a_bare_table(
    make: Callable[..., Table], listen: Callable[..., Running]
) -> None:
    table = make("ow_tasks")
    waiting = table.add("hello.js", '{"name": "early"}')
    running = listen("--quiet")
    assert "at most once" in running.wait_for("lease_id")
    assert "Table: 'ow_tasks', root: " in running.wait_for("Database task executor ready.")
    assert table.end(waiting) == ("completed", {"hello": "early"}, None)
    cases: list[tuple[str, str | None, Any]] = [
        ("hello.js", '{"name": "world"}', {"hello": "world"}),
        ("workers/process.js", '{"data": [1, 2, 3]}', 6),
        ("own.js", None, None),
        ("own.js", '{"success": true, "data": 5}', 5),
        ("own.js", '{"success": false, "error": "said"}', "said"),
        ("nothing.js", None, None),
        ("throws.js", None, "TypeError: thrown"),
        ("broken.js", None, "SyntaxError"),
        ("none.js", None, "no task handler"),
        ("circle.js", None, "can not be expressed as JSON"),
        ("nul.js", None, "zero character"),
        ("../x.js", None, "Path traversal not allowed: '../x.js'"),
        ("/etc/passwd", None, "Absolute paths are not allowed: '/etc/passwd'"),
        ("missing.js", None, "Script not found: 'missing.js'"),
        ("", None, "no path of a script"),
    ]
    tasks = [(table.add(script, payload), expected) for script, payload, expected in cases]
    for task, expected in tasks:
        status, result, error = table.end(task)
        if isinstance(expected, str):
            assert status == "failed"
            assert result is None
            assert expected in error
        else:
            assert (status, result, error) == ("completed", expected, None)
    started, completed = table.get(tasks[0][0], "started_at, completed_at")
    assert started <= completed
    assert running.stop() == 0


def test_a_lone_surrogate_in_a_result_fails_its_task_alone(
    make: Callable[..., Table], listen: Callable[..., Running], cli: Cli
) -> None:
    cli.write("root/half.js", "export default { task: () => '\\ud800' }")
    table = make("ow_tasks")
    tasks = [table.add("half.js"), table.add("own.js", "1")]
    listen("--concurrency", "10")
    status, _, error = table.end(tasks[0])
    assert status == "failed"
    assert "result can not be stored" in error
    assert table.end(tasks[1])[0] == "completed"


def test_a_payload_over_the_limit_fails_its_task_alone(
    make: Callable[..., Table], listen: Callable[..., Running]
) -> None:
    table = make("ow_tasks")
    large, small = table.add("own.js", f'"{"x" * (17 << 20)}"'), table.add("own.js", "1")
    listen()
    status, _, error = table.end(large)
    assert status == "failed"
    assert "the payload has 17825794 bytes as JSON, 16777216 are allowed" in error
    assert table.end(small)[0] == "completed"


def test_a_task_takes_no_longer_than_its_timeout(
    make: Callable[..., Table], listen: Callable[..., Running]
) -> None:
    table = make("ow_tasks")
    listen("--timeout", "150")
    assert table.end(table.add("slow.js", "60000")) == ("failed", None, "Task timeout after 150ms")


HOSTILE = 'x"; DROP TABLE victim; --%s {table} %(most)s'


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (("custom_tasks",), "custom_tasks"),
        (("lower",), "LOWER"),
        (("Upper Case",), "Upper Case"),
        (("Upper Case",), '"Upper Case"'),
        (("app", "jobs"), "app.jobs"),
        (("app", "jobs.more"), "app.jobs.more"),
        (("a.b",), '"a.b"'),
        ((HOSTILE,), HOSTILE),
        (("app", HOSTILE), f"app.{HOSTILE}"),
        (("x" * 63,), "x" * 63),
        (("ünï 😀",), "ünï 😀"),
    ],
)
def test_tables_of_any_name(
    make: Callable[..., Table], listen: Callable[..., Running], url: str, name: tuple[str, ...], said: str
) -> None:  # fmt: skip
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA app; CREATE TABLE victim ()")
    table = make(*name)
    listen("--table", said)
    assert table.end(table.add("own.js", "1"))[0] == "completed"
    assert table.connection.execute("SELECT FROM victim").fetchall() == []


@pytest.mark.parametrize("channel", ["jobs_created", "app.jobs_created", "app_jobs_created"])
def test_a_notification_comes_before_the_next_look(
    make: Callable[..., Table], listen: Callable[..., Running], url: str, channel: str
) -> None:
    """On whichever channel the trigger says so: a hundred tasks one after another would take more than a minute without."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA app")
    table = make("app", "jobs")
    listen("--table", "app.jobs")
    for _ in range(100):
        task = table.add("own.js", "1")
        table.connection.execute("SELECT pg_notify($1, '')", [channel])
        assert table.end(task)[0] == "completed"


def test_the_environment_names_table_and_database(
    make: Callable[..., Table], start: Callable[..., Running], root: Path, url: str
) -> None:
    table = make("from_env")
    start("db-listen", "--root", root, DATABASE_URL=url, TASK_TABLE="from_env")
    assert table.end(table.add("own.js", "1"))[0] == "completed"


def test_several_executors_run_each_task_once(
    make: Callable[..., Table], listen: Callable[..., Running]
) -> None:
    table = make("ow_tasks")
    table.connection.execute("CREATE TABLE runs (id uuid)")
    table.connection.execute(
        "CREATE FUNCTION ran() RETURNS TRIGGER AS $$ BEGIN INSERT INTO runs VALUES (NEW.id); RETURN NEW; END; $$ LANGUAGE plpgsql;"
        "CREATE TRIGGER ran AFTER UPDATE ON ow_tasks FOR EACH ROW WHEN (NEW.status = 'running') EXECUTE FUNCTION ran()"
    )
    tasks = [table.add("own.js", "1") for _ in range(200)]
    listen()
    listen()
    for task in tasks:
        assert table.end(task)[0] == "completed"
    row = table.connection.execute("SELECT count(*), count(DISTINCT id) FROM runs").fetchone()
    assert row == (200, 200)


@pytest.mark.parametrize("leased", [False, True])
def test_shutdown_lets_tasks_finish_and_puts_the_others_back(
    make: Callable[..., Table], listen: Callable[..., Running], leased: bool
) -> None:
    table = make("ow_tasks", leased=leased)
    running = listen(DRAIN_TIMEOUT_MS="1000")
    soon, late = table.add("slow.js", "600"), table.add("slow.js", "60000")
    table.until(soon, "running")
    table.until(late, "running")
    running.wait_for("slow begins")
    assert running.stop(signal.SIGTERM) == 0
    assert table.get(soon) == ("completed", True, None)
    assert table.get(late, "status, started_at, completed_at") == ("pending", None, None)
    if leased:
        assert table.get(late, "attempts, lease_id") == (0, None)


def test_with_leases_a_lost_executors_task_is_run_again(
    make: Callable[..., Table], listen: Callable[..., Running]
) -> None:
    """And what the lost one says when it comes back is not written."""
    table = make("ow_tasks", leased=True)
    lost = listen()
    task = table.add("slow.js", "3000")
    lost.wait_for("slow begins")
    lost.process.send_signal(signal.SIGSTOP)
    other = listen()
    other.wait_for("its executor was lost")
    lost.process.send_signal(signal.SIGCONT)
    assert lost.wait_for("is not ours any more")
    assert table.end(task)[0] == "completed"
    assert table.get(task, "attempts") == (2,)


def test_with_leases_a_task_that_fails_is_tried_again(
    make: Callable[..., Table], listen: Callable[..., Running], cli: Cli
) -> None:
    cli.write(
        "root/second.js",
        "export default { task(p, env, ctx) { if (ctx.task.attempt < 2) throw new Error('first'); return ctx.task.attempt } }",
    )
    table = make("ow_tasks", leased=True)
    listen()
    retry = '{"kind": "fixed", "delay_ms": 1}'
    assert table.end(table.add("second.js", max_attempts=3, retry=retry))[:2] == ("completed", 2)
    again = table.add("throws.js", max_attempts=2, retry=retry)
    assert table.end(again) == ("failed", None, "TypeError: thrown")
    assert table.get(again, "attempts") == (2,)
    once = table.add("throws.js")
    assert table.end(once)[0] == "failed"
    assert table.get(once, "attempts") == (1,)


def test_the_durable_queues_own_table_is_served_by_its_engine(
    create_database: Callable[[str], str], template: str, start: Callable[..., Running], root: Path
) -> None:
    url = create_database(template)
    running = start("db-listen", "--database-url", url, "--table", "tasks", "--root", root)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION told() RETURNS TRIGGER AS $$ BEGIN PERFORM pg_notify('task_ended', ''); RETURN NEW; END; $$"
            " LANGUAGE plpgsql; CREATE TRIGGER told AFTER UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION told(); LISTEN task_ended"
        )
        connection.execute(
            "INSERT INTO tasks (script, payload) VALUES ('hello.js', '{\"name\": \"world\"}')"
        )
        connection.execute("INSERT INTO tasks (script) VALUES ('missing.js')")
        connection.execute("INSERT INTO tasks (script) VALUES ('throws.js')")
        query = "SELECT script, status, result, error, attempts FROM tasks ORDER BY script"
        rows: list[tuple[Any, ...]] = []
        for _ in range(20):
            rows = connection.execute(query).fetchall()
            if all(row[1] in {"completed", "failed"} for row in rows):
                break
            next(connection.notifies(timeout=1, stop_after=1), None)
    assert rows[0] == ("hello.js", "completed", {"hello": "world"}, None, 1)
    assert rows[1][1] == "failed"
    assert "Script not found: 'missing.js'" in rows[1][3]
    assert rows[2] == ("throws.js", "failed", None, "TypeError: thrown", 1)
    assert running.stop() == 0
    assert not any("lease_id" in line for line in running.lines)


def test_it_goes_on_when_the_database_is_back(
    make: Callable[..., Table], listen: Callable[..., Running], url: str
) -> None:
    table = make("ow_tasks")
    running = listen()
    assert table.end(table.add("own.js", "1"))[0] == "completed"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'isolane' AND datname = current_database()"
        )
    running.wait_for("PostgreSQL is back (listening on")
    assert table.end(table.add("own.js", "2"))[0] == "completed"


@pytest.mark.parametrize(
    ("statement", "code", "words"),
    [
        ("SELECT", 3, "there is no table 'ow_tasks'"),
        (
            "CREATE TABLE ow_tasks (id int, status text)",
            1,
            "it has no column script, payload, result",
        ),
        ("CREATE SEQUENCE ow_tasks", 1, "it is no table"),
    ],
)
def test_a_table_that_can_not_be_used_ends_the_start(
    cli: Cli, root: Path, url: str, statement: str, code: int, words: str
) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)
    done = cli("db-listen", "--database-url", url, "--root", root)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr


def test_an_executor_takes_only_the_types_that_it_is_to_take(
    make: Callable[..., Table], listen: Callable[..., Running], cli: Cli, url: str, root: Path
) -> None:
    table = make("ow_tasks")
    arguments = ("db-listen", "--database-url", url, "--root", root)
    done = cli(*arguments, JOB_TASK_TYPES="email:*")
    assert done.returncode == 1
    assert "JOB_TASK_TYPES says which types to take, and it has no column type" in done.stderr
    table.connection.execute("ALTER TABLE ow_tasks ADD type text")
    other, none = table.add("nothing.js", type="report:1"), table.add("nothing.js")
    email = table.add("nothing.js", type="email:send")
    listen("--quiet", JOB_TASK_TYPES="email:*")
    assert table.end(email)[0] == "completed"
    assert [table.get(task, "status") for task in (other, none)] == [("pending",)] * 2


def test_without_a_database_the_start_ends(cli: Cli, root: Path) -> None:
    assert cli("db-listen", "--root", root).returncode == 2
    gone = cli("db-listen", "--root", root, DATABASE_URL="postgresql://u:secret@127.0.0.1:1/d")
    assert gone.returncode == 5
    assert "secret" not in gone.stderr


def test_a_result_that_does_not_fit_into_an_index_fails_its_task_alone(
    make: Callable[..., Table], listen: Callable[..., Running]
) -> None:
    """PostgreSQL counts that among the errors of a server that is away."""
    table = make("ow_tasks")
    table.connection.execute("CREATE INDEX ON ow_tasks ((result #>> '{}'))")
    long = "".join(str(number) for number in range(5000))
    tasks = [table.add("own.js", f'"{long}"'), table.add("own.js", "1")]
    listen("--concurrency", "10")
    status, _, error = table.end(tasks[0])
    assert status == "failed"
    assert "result can not be stored" in error
    assert table.end(tasks[1])[0] == "completed"
