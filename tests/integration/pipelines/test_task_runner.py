"""The document of the task runner, as users run it."""

from __future__ import annotations

import json
import signal
import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.conftest import EXAMPLES
from tests.integration.pipelines.conftest import PIPELINE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Cli, Running
    from tests.integration.pipelines.conftest import Tasks

EACH_SECOND = PIPELINE.replace("*/33 * * * * *", "* * * * * *")
AT_WORK = """async function(task) {
          console.log('at work on', task.key)
          await new Promise((done) => setTimeout(done, 60_000))"""
ERRORS = """
  errors:
    config: {intervalSeconds: 0.1}
  tell:
    module: log
    inputs: [errors]
"""
RETRY = (
    (EXAMPLES / "pipelines" / "retry-stalled.yaml")
    .read_text()
    .replace("0 * * * * *", "* * * * * *")
)
_TICK_S = 40
"""The document's schedule fires at :00 and :33."""


def finished(running: Running) -> list[dict[str, Any]]:
    """The events that the last stage logged."""
    lines = [json.loads(line) for line in running.lines if line.startswith("{")]
    return [line["event"] for line in lines if line.get("stage") == "log"]


def test_the_documents_pipeline_is_a_line_from_the_scheduler_to_the_log(cli: Cli) -> None:
    """``check`` prints the one path of the document's pipeline, and finds nothing wrong."""
    done = cli("pipeline", "check", cli.write("task-runner.yaml", PIPELINE))
    assert done.stdout.split("\n\n") == [
        "\nINPUT : check-for-tasks\n  - claim-foo-task\n  - foo-task\n  - finish-task\nOUTPUT : log\n"
    ]
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.timeout(120)
def test_two_instances_of_the_documents_pipeline_share_its_tasks(
    start: Callable[..., Running], tasks: Tasks
) -> None:
    """Byte for byte as in the document: a tick claims one task for each instance, works on it, and finishes it."""
    tasks.add("foo-1", "foo-2", payload='{"n": 1}')
    tasks.add("bar-1")
    tasks.add("foo-later", start="2999-01-01")
    both = [start(PIPELINE), start(PIPELINE)]
    for one in both:
        one.wait_for('"stage":"log"', _TICK_S)
    ended = [finished(one)[0] for one in both]
    assert {event["key"] for event in ended} == {"foo-1", "foo-2"}
    assert tasks.states() == {
        "foo-1": "succeeded", "foo-2": "succeeded", "bar-1": "queued", "foo-later": "queued",
    }  # fmt: skip
    row = tasks.rows()["foo-1"]
    assert (row["results"], row["worker"], row["locked"]) == ({"foo": "bar"}, None, None)
    assert all(isinstance(event["id"], str) for event in ended)
    assert [one.stop() for one in both] == [0, 0]


def test_a_task_whose_worker_was_killed_is_claimed_again(
    start: Callable[..., Running], tasks: Tasks
) -> None:
    """kill -9 in the middle of the work: the row says whose it was, and the flow that the document suggests brings it back."""
    tasks.add("foo-1", timeout="1 second")
    endless = EACH_SECOND.replace("function(task) {", AT_WORK, 1)
    assert endless != EACH_SECOND
    killed = start(endless)
    killed.wait_for("at work on foo-1")
    killed.process.send_signal(signal.SIGKILL)
    killed.process.wait(20)
    row = tasks.rows()["foo-1"]
    assert (row["status"], row["worker"], row["retries"]) == ("running", socket.gethostname(), 3)
    retrying = start(RETRY, name="retry.yaml")
    working = start(EACH_SECOND)
    assert retrying.wait_for("foo-1 is tried again: no answer from")
    working.wait_for('"stage":"log"')
    row = tasks.rows()["foo-1"]
    assert (row["status"], row["results"], row["retries"]) == ("succeeded", {"foo": "bar"}, 2)
    assert (retrying.stop(), working.stop()) == (0, 0)


def test_an_error_in_a_task_is_told_with_its_line(
    start: Callable[..., Running], tasks: Tasks
) -> None:
    """The task stays ``running``, by this host: retrying is the other flow's business."""
    tasks.add("foo-1")
    text = EACH_SECOND.replace("task.results.foo", "task.missing.foo") + ERRORS
    running = start(text)
    line = json.loads(running.wait_for("foo-task: TypeError"))
    number = 1 + text.splitlines().index("          task.missing.foo = 'bar'")
    assert line["event"]["stack"][0].endswith(f"pipeline.yaml:{number}:28)")
    assert (line["level"], line["event"]["count"]) == ("error", 1)
    assert tasks.rows()["foo-1"]["worker"] == socket.gethostname()
    assert running.stop() == 0
