"""Schedules and consoles of whole runners: real hosts, PostgreSQL and NATS."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg

from runner.nats.connection import open_bus
from tests.integration.conftest import Running
from tests.integration.test_serve import insert

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Cli, Dev

TICK = """export default {
  async fetch(request) {
    console.error("asked", new URL(request.url).pathname);
    if (request.url.endsWith("/throw")) throw new TypeError("thrown");
    return new Response("fetched");
  },
  async scheduled(event) {
    console.log("begun", event.id, event.scheduledTime, Date.now() - event.scheduledTime);
    if (event.cron === "slow") await new Promise((resolve) => setTimeout(resolve, 500));
    if (event.cron === "throws") throw new Error("not today");
    console.log("ended", event.id);
  },
};"""


def begun(*runners: Running) -> list[list[str]]:
    """Return id, time and lateness of each event that was begun."""
    lines = [line for running in runners for line in running.lines]
    return [line.partition("begun ")[2].split() for line in lines if re.search("INFO begun", line)]


def wait_for_events(count: int, *runners: Running) -> None:
    """Wait until so many have begun; each runner writes a line before long."""
    while len(begun(*runners)) < count:
        with runners[-1]._changed:
            runners[-1]._changed.wait(0.2)


def query(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_two_runners_fire_each_second_once_and_one_of_them_is_enough(
    serve: Callable[..., Running], servers: dict[str, str]
) -> None:
    """One is killed; no second is left out, and none is late."""
    url = servers["DATABASE_URL"]
    insert(url, "tick", TICK)
    one, other = serve(), serve()
    one.reach()
    other.reach()
    query(url, "INSERT INTO crons (worker_id, value) SELECT id, '* * * * * *' FROM workers")
    wait_for_events(3, one, other)
    one.stop(signal.SIGKILL)
    wait_for_events(len(begun(other)) + 3, other)
    other.stop()
    ran = begun(one, other)
    assert len({event for event, _, _ in ran}) == len(ran)
    assert min(int(late) for _, _, late in ran) < 100
    times = [time for (time,) in query(url, "SELECT scheduled_at FROM scheduled_events ORDER BY 1")]
    assert times == [times[0] + timedelta(seconds=n) for n in range(len(times))]
    (open_ones,) = query(url, "SELECT count(*) FROM scheduled_events WHERE replied_at IS NULL")
    assert open_ones[0] <= 1, "what the killed one had in its hands is another's later"
    ((state,),) = query(
        url, "SELECT DISTINCT outcome FROM scheduled_events WHERE replied_at IS NOT NULL"
    )
    assert state == "ok"


def test_a_runner_that_ends_lets_its_events_finish(
    serve: Callable[..., Running], servers: dict[str, str]
) -> None:
    url = servers["DATABASE_URL"]
    insert(url, "tick", TICK.replace('event.cron === "slow"', "true"))
    running = serve()
    running.reach()
    query(
        url,
        "INSERT INTO crons (worker_id, value, next_run) SELECT id, '@hourly', now() FROM workers",
    )
    running.wait_for("begun")
    assert running.stop() == 0
    running.wait_for("ended")
    rows = query(url, "SELECT outcome, attempts, replied_at IS NULL FROM scheduled_events")
    assert rows == [("ok", 1, False)]
    lines = query(url, "SELECT message FROM logs ORDER BY date")
    assert [message.split()[0] for (message,) in lines] == ["begun", "ended"]


def test_events_from_nats_run_and_who_asks_is_answered(
    serve: Callable[..., Running], servers: dict[str, str]
) -> None:
    url = servers["DATABASE_URL"]
    insert(url, "tick", TICK)
    insert(url, "deaf", "export default { fetch: () => new Response('') };")
    running = serve()
    running.reach()
    ids = {name: str(worker) for name, worker in query(url, "SELECT name, id FROM workers")}

    async def ask(**fields: Any) -> Any:
        event = {"id": "7", "cron": "c", "scheduledTime": 1_772_366_400_000, **fields}
        async with open_bus([servers["NATS_SERVERS"]]) as bus:
            answer = await bus.client.request("scheduled", json.dumps(event).encode(), timeout=20)
        return json.loads(answer.data)

    assert asyncio.run(ask(workerId=ids["tick"])) == {"success": True, "outcome": "ok"}
    assert running.wait_for("begun").split()[3:5] == ["7", "1772366400000"]
    failed = asyncio.run(ask(workerId=ids["tick"], cron="throws"))
    assert failed == {"success": False, "outcome": "exception", "error": "Error: not today"}
    assert asyncio.run(ask(workerId=ids["deaf"]))["outcome"] == "no_handler"
    nobody = asyncio.run(ask(workerId="00000000-0000-0000-0000-000000000000"))
    assert "no worker" in nobody["error"]
    assert "malformed" in asyncio.run(ask(workerId="x"))["error"]


def test_a_console_is_followed_from_the_folder_of_dev(cli: Cli, dev: Callable[..., Dev]) -> None:
    cli.write("w/tick.js", TICK)
    running = dev("w")
    running.wait_for("curl")
    assert running.get("tick", "/before").text == "fetched"
    while not (stored := cli("workers", "logs", "tick", "--json").stdout.strip()) or stored == "[]":
        pass
    (line,) = json.loads(stored)
    assert (line["level"], line["text"]) == ("ERROR", "asked /before")
    tail = Running(cli, "tail", "tick", "--since", "1h", "--level", "error")
    tail.wait_for("asked /before")
    running.get("tick", "/throw")
    tail.wait_for("asked /throw")
    tail.wait_for("ERROR Uncaught TypeError: thrown")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ERROR     at Object.fetch \(tick.js:4:\d+\)",
        tail.wait_for("at Object.fetch"),
    )
    assert cli("tail", "nobody").returncode == 3
    assert cli("tail", "tick", "--level", "loud").returncode == 2
    assert tail.stop(signal.SIGINT) == 130
    follower = Running(cli, "tail", "tick", "--json", "--since", "1h", "--wait", "0")
    follower.wait_for("asked /throw")
    assert running.stop() == 0
    assert follower.process.wait(20) == 5
    assert "has ended" in follower.wait_for("isolane:")
    follower.stop()


def test_a_console_is_followed_through_a_restart(cli: Cli, dev: Callable[..., Dev]) -> None:
    """Also what is printed before it is there again; each line once."""
    cli.write("w/tick.js", TICK)
    running = dev("w")
    running.get("tick", "/first")
    while "first" not in cli("workers", "logs", "tick").stdout:
        pass
    tail = Running(cli, "tail", "tick", "--since", "1h")
    tail.wait_for("asked /first")
    assert running.stop() == 0
    tail.wait_for("has ended; waiting for it")
    again = dev("w")
    again.get("tick", "/second")
    tail.wait_for("asked /second")
    again.get("tick", "/third")
    tail.wait_for("asked /third")
    assert tail.stop(signal.SIGINT) == 130
    asked = [line.rpartition("/")[2] for line in tail.lines if "asked" in line]
    assert asked == ["first", "second", "third"]


def test_a_schedule_of_dev_is_made_shown_and_fired(cli: Cli, dev: Callable[..., Dev]) -> None:
    cli.write("w/tick.js", TICK)
    running = dev("w")
    running.wait_for("curl")
    refused = cli("schedules", "set", "tick", "every day")
    assert refused.returncode == 2
    assert "five fields" in refused.stderr
    assert cli("schedules", "set", "tick", "* * * * * *").returncode == 0
    running.wait_for("ended")
    running.wait_for("SCHEDULED * * * * * * 200 tick")
    (row,) = json.loads(cli("schedules", "ls", "--json").stdout)
    assert row["nextRun"] > row["lastRun"]
