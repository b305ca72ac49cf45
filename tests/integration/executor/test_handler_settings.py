"""What a handler in a script's ``tasks`` says about itself, whichever way its tasks come."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from runner.nats.connection import open_bus
from runner.tasks.engine import open_engine
from runner.tasks.task import NewTask

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.conftest import Cli, Running

HANDLERS = """
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const soon = { kind: 'fixed', delay: 1, jitter: 0 };
export default {
  task: () => 'no type',
  tasks: {
    plain: (payload) => payload,
    quick: { timeout: 50, maxAttempts: 1, handler: () => later(60000) },
    spin: { timeout: 60000, maxAttempts: 1, handler() { for (;;); } },
    patient: { timeout: 60000, async handler() { await later(1200); return 'in time' } },
    third: { maxAttempts: 3, retry: soon, handler(payload, env, { task }) {
      if (task.attempt < 3) throw new Error('not yet');
      return [task.attempt, task.maxAttempts];
    } },
    twice: { maxAttempts: 2, retry: soon, handler(payload, env, { task }) { throw new Error(`no, ${task.attempt}`) } },
    wrong: { timeout: 'soon', handler: () => later(60000) },
  },
};
"""
CASES = {
    "plain": {"a": 1},
    "quick": "Task timeout after 50ms",
    "spin": "it used up its CPU time",
    "patient": "in time",
    "third": [3, 3],
    "twice": "Error: no, 2",
    "wrong": "the settings of tasks['wrong'] can not be used: Expected `int",
}
"""By type: the result, or how the error begins."""
AT_ONCE = CASES.keys() - {"spin"}
"""What can run beside each other: who waits for a lane, behind one that spins, is not in time."""
FAIL = {"quick", "spin", "twice", "wrong"}
COLUMNS = """
CREATE TABLE jobs (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(), script TEXT NOT NULL, payload JSONB, type TEXT,
    status TEXT NOT NULL DEFAULT 'pending', result JSONB, error TEXT, created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    started_at TIMESTAMPTZ, completed_at TIMESTAMPTZ, lease_id uuid, leased_until timestamptz,
    attempts int NOT NULL DEFAULT 0, max_attempts int, scheduled_at timestamptz, retry jsonb, timeout_ms int
);
CREATE FUNCTION told() RETURNS TRIGGER AS $$ BEGIN NOTIFY changed; RETURN NEW; END; $$ LANGUAGE plpgsql;
CREATE TRIGGER told AFTER UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION told();
LISTEN changed"""


@pytest.fixture
def scripts(cli: Cli) -> Path:
    return cli.write("handlers/map.js", HANDLERS).parent


def check(type_: str, succeeded: object, said: Any) -> None:
    """See that a task of a type ended as its handler says."""
    assert succeeded is (type_ not in FAIL), said
    if type_ in FAIL:
        assert said.startswith(CASES[type_])
    else:
        assert said == CASES[type_]


@pytest.mark.parametrize("stream", [False, True])
async def test_over_nats(
    start: Callable[..., Running], scripts: Path, nats_url: str, *, stream: bool
) -> None:
    """Over core NATS the executor tries again itself; a stream delivers again, but no more often than --max-deliver says."""
    subject = f"handlers.{stream}"
    options = ("--jetstream", "HANDLERS") if stream else ()
    start(
        "listen", "--nats", nats_url, "--subject", subject, "--root", scripts, "--timeout", "1000",
        "--concurrency", "8", "--quiet", *options,
    )  # fmt: skip

    async with open_bus([nats_url]) as bus:

        async def ask(type_: str, **more: Any) -> Any:
            inbox = bus.client.new_inbox()
            answers = await bus.client.subscribe(inbox, max_msgs=1)
            message = json.dumps({"script": "map.js", "type": type_, "payload": {"a": 1}, **more})
            if stream:
                headers = [("Isolane-Reply", inbox)]
                await bus.publish(subject, message.encode(), headers=headers)
            else:
                await bus.publish(subject, message.encode(), reply=inbox)
            return json.loads((await answers.next_msg(30)).data)

        answers = dict(zip(AT_ONCE, await asyncio.gather(*map(ask, AT_ONCE)), strict=True))
        if not stream:
            # In a stream, who never ends its first turn has said nothing yet, and is delivered again.
            answers["spin"] = await ask("spin")
        for type_, answer in answers.items():
            check(type_, answer["success"], answer.get("data", answer.get("error")))
        # What the message says counts more.
        cut = await ask("quick", timeout=20)
        assert cut == {"success": False, "error": "Task timeout after 20ms"}


async def test_in_a_table(
    start: Callable[..., Running], scripts: Path, create_database: Callable[[str], str]
) -> None:
    url = create_database("template1")
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(COLUMNS)
        start(
            "db-listen", "--database-url", url, "--table", "jobs", "--root", scripts, "--timeout", "1000",
            "--concurrency", "8", "--quiet",
        )  # fmt: skip
        add = "INSERT INTO jobs (script, type, max_attempts) VALUES ('map.js', 'third', 2)"
        await connection.execute(add)
        query = "SELECT type, status, result, error, max_attempts FROM jobs"
        rows: list[tuple[Any, ...]] = [()]
        for types in (AT_ONCE, ["spin"]):
            for type_ in types:
                await connection.execute(
                    """INSERT INTO jobs (script, payload, type) VALUES ('map.js', '{"a": 1}', %s)""",
                    [type_],
                )
            rows = [()]
            async with asyncio.timeout(40):
                while not all(row[1:2] in {("completed",), ("failed",)} for row in rows):
                    async for _ in connection.notifies(timeout=1, stop_after=1):
                        pass
                    rows = await (await connection.execute(query)).fetchall()
    for type_, status, result, error, most in rows:
        if most is None:
            check(type_, status == "completed", result if error is None or result else error)
        else:
            assert (status, error) == ("failed", "Error: not yet")


async def test_in_the_durable_queue(
    start: Callable[..., Running],
    scripts: Path,
    create_database: Callable[[str], str],
    template: str,
) -> None:
    url = create_database(template)
    start(
        "db-listen", "--database-url", url, "--table", "tasks", "--root", scripts, "--timeout", "1000",
        "--concurrency", "8", "--quiet",
    )  # fmt: skip
    async with open_engine(url) as engine:
        short = await engine.enqueue(
            NewTask(kind="script", script="map.js", type="third", max_attempts=2)
        )
        for types in (AT_ONCE, ["spin"]):
            tasks = {
                type_: await engine.enqueue(
                    NewTask(kind="script", script="map.js", type=type_, payload={"a": 1})
                )
                for type_ in types
            }
            for type_, enqueued in tasks.items():
                task = await engine.wait(enqueued.id, timeout_s=30)
                said = task.error if task.result is None else json.loads(bytes(task.result))
                check(type_, task.status == "completed", said)
        assert (await engine.wait(short.id, timeout_s=30)).error == "Error: not yet"
