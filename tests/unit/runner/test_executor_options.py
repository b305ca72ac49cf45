"""From settings to the options of an executor."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.config import load_settings
from runner.errors import ConfigError
from runner.executor.options import executor_options
from runner.processes.shares import share_of
from runner.tasks.executor import ExecutorOptions

NOWHERE = Path("/nowhere")


def test_an_executor_serves_what_the_settings_say() -> None:
    environ = {
        "JOB_WORKER_ID": "my-worker-1",
        "JOB_POLL_INTERVAL": "500",
        "JOB_LOCK_DURATION": "300000",
        "JOB_TASK_TYPES": "email:*,report:*",
        "JOB_STALE_CHECK_INTERVAL": "60000",
    }
    settings = load_settings(environ, NOWHERE)
    assert executor_options(settings, "worker", concurrency=10, timeout_ms=7) == ExecutorOptions(
        kinds=("worker",),
        concurrency=10,
        types=("email:*", "report:*"),
        timeout_ms=7,
        lease_s=300.0,
        poll_s=0.5,
        name="my-worker-1",
    )
    assert settings.job_rescue_ms == 60_000


def test_what_is_not_set_is_the_executors_own_default() -> None:
    settings = load_settings({}, NOWHERE)
    options = executor_options(settings, "worker", concurrency=5, timeout_ms=300_000)
    assert options == ExecutorOptions(kinds=("worker",))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("JOB_WORKER_ID", "a\tb"),
        ("JOB_WORKER_ID", "x" * 101),
        ("JOB_TASK_TYPES", ", ,"),
        ("JOB_TASK_TYPES", "x" * 101),
        ("JOB_POLL_INTERVAL", "9"),
        ("JOB_LOCK_DURATION", "999"),
        ("JOB_STALE_CHECK_INTERVAL", "1s"),
    ],
)
def test_what_can_not_be_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=variable):
        load_settings({variable: value}, NOWHERE)


def test_processes_have_names_of_their_own() -> None:
    settings = load_settings(
        {"JOB_WORKER_ID": "w", "RUNNER_PROCESSES": "2", "WORKER_POOL_SIZE": "2"}, NOWHERE
    )
    assert [share_of(settings, number)["JOB_WORKER_ID"] for number in (1, 2)] == ["w-1", "w-2"]
    assert "JOB_WORKER_ID" not in share_of(load_settings({}, NOWHERE), 1)
