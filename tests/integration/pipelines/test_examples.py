"""The examples' pipelines, as their comments say; where one waits for the hour, the test does not."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from runner.pipelines.document import read_document
from runner.pipelines.graph import make_graph
from tests.integration.pipelines.conftest import PIPELINE, TABLE
from tests.integration.pipelines.http_server import Asked, Said, http_server
from tests.integration.pipelines.smtp_server import smtp_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Cli, Running
    from tests.integration.pipelines.conftest import Tasks

EXAMPLES = Path(__file__).parents[3] / "examples" / "pipelines"
DOCUMENTS = sorted(EXAMPLES.glob("*.yaml"))
_CRON = re.compile(r'cron: ".*"')


def text_of(name: str) -> str:
    """An example whose schedules fire each second."""
    return _CRON.sub('cron: "* * * * * *"', (EXAMPLES / name).read_text())


def events(running: Running, stage: str = "log") -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in running.lines if line.startswith("{")]
    return [line for line in lines if line.get("stage") == stage]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_nothing_is_wrong_with_an_example(document: Path) -> None:
    """Its functions are compiled where it is run, below."""
    make_graph(read_document(document, document.name)).check()


def test_each_example_is_run_by_a_test() -> None:
    text = Path(__file__).read_text()
    assert all(f'"{document.name}"' in text for document in DOCUMENTS)


def test_the_task_runner_is_the_documents_own() -> None:
    """Below its comment, byte for byte; and so is the table."""
    assert PIPELINE.rstrip() in (EXAMPLES / "task-runner.yaml").read_text()
    assert TABLE.rstrip() in (EXAMPLES / "schema.sql").read_text()


def test_the_task_runner_finishes_a_task(start: Callable[..., Running], tasks: Tasks) -> None:
    tasks.add("foo-1", payload='{"n": 1}')
    running = start(text_of("task-runner.yaml"))
    running.wait_for('"stage":"log"')
    assert tasks.states() == {"foo-1": "succeeded"}
    assert running.stop() == 0


def test_stalled_and_failed_tasks_are_queued_again_until_they_are_dead(
    start: Callable[..., Running], tasks: Tasks
) -> None:
    stalled = {"status": "running", "worker": "gone", "locked": "2020-01-01"}
    tasks.add("stalled", **stalled)
    tasks.add("last", retries=0, **stalled)
    tasks.add("at-work", status="running", worker="here", locked="now")
    tasks.add("patient", status="running", worker="x", locked="2020-01-01", timeout="100 years")
    tasks.add("failed", status="failed", error="no luck", retries=1)
    tasks.add("done", status="succeeded")
    running = start(text_of("retry-stalled.yaml"))
    running.wait_for("failed is tried again: no luck")
    running.wait_for("stalled is tried again: no answer from gone")
    running.wait_for("last is given up: no answer from gone")
    assert running.stop() == 0
    assert tasks.states() == {
        "stalled": "queued", "last": "dead", "at-work": "running", "patient": "running",
        "failed": "queued", "done": "succeeded",
    }  # fmt: skip
    rows = tasks.rows()
    assert (rows["stalled"]["retries"], rows["failed"]["retries"]) == (2, 0)
    assert len(events(running)) == 3


def test_a_report_is_sent_by_mail(start: Callable[..., Running], tasks: Tasks) -> None:
    """scheduler, sql, js, send-email: from the rows of a database to a mail in its server."""
    tasks.add("foo-1", "foo-2", status="succeeded")
    tasks.add("foo-3", status="dead", error='said "no", twice')
    with smtp_server() as server:
        running = start(
            text_of("report-by-email.yaml"), "--map", f"localhost:1025=127.0.0.1:{server.port}"
        )
        running.wait_for('"stage":"log"')
        assert running.stop() == 0
        mail = server.mails[0]
    sent = events(running)[0]["event"]
    assert (mail.sender, mail.recipients) == ("tasks@example.org", ["operator@example.org"])
    assert sent["messageId"] == mail.message["Message-ID"]
    assert mail.message["Subject"] == "Tasks: 1 failed"
    body = mail.message.get_body(["plain"])
    assert body is not None
    assert "dead       1" in body.get_content()
    assert "succeeded  2" in body.get_content()
    [attachment] = mail.message.iter_attachments()
    assert attachment.get_filename() == "failures.csv"
    assert '"foo-3","said ""no"", twice",' in attachment.get_content()


def test_without_tasks_there_is_no_report(start: Callable[..., Running], tasks: Tasks) -> None:
    """And so, later, with the first task comes the first mail."""
    with smtp_server() as server:
        running = start(
            text_of("report-by-email.yaml").replace(
                "return null", "return void console.log('none')"
            ),
            "--map",
            f"localhost:1025=127.0.0.1:{server.port}",
        )
        running.wait_for("none")
        assert server.mails == []
        tasks.add("foo-1")
        running.wait_for('"stage":"log"')
        assert server.mails[0].message["Subject"] == "Tasks: all is well"
        assert running.stop() == 0


async def test_sites_are_watched(start: Callable[..., Running]) -> None:
    async with http_server() as server:

        def answer(asked: Asked) -> Said:
            missing = asked.target == "/missing"
            return Said(404 if missing else 200 if len(server.asked) < 4 else 302)

        server.answer = answer
        running = start(
            text_of("watch-sites.yaml"), "--map", f"localhost:8080=127.0.0.1:{server.port}"
        )
        for text in ("/ answers 200", "/missing answers 404", "/ answers 302"):
            await asyncio.to_thread(running.wait_for, text)
        # The server answers meanwhile.
        assert await asyncio.to_thread(running.stop) == 0
    assert {asked.headers["host"] for asked in server.asked} == {"localhost:8080"}


def test_requests_are_counted(cli: Cli) -> None:
    line = '127.0.0.1 - - [01/Mar/2026:12:00:00 +0000] "GET /{} HTTP/1.1" {} {}\n'
    for name, status in (("a", 200), ("b", 404)):
        text = "".join(line.format(number, status, 10) for number in range(1500))
        cli.write(f"{name}.access.log", text + "no request\n")
    document = cli.write("count-requests.yaml", (EXAMPLES / "count-requests.yaml").read_text())
    done = cli("pipeline", "run", document, WORKER_POOL_SIZE="1")
    assert done.returncode == 0
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"status": 200, "requests": 1500, "bytes": 15000},
        {"status": 404, "requests": 1500, "bytes": 15000},
    ]
    assert "parse: TypeError" in done.stderr
