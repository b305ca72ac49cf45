"""Tasks from state to state: by their owners, while they wait, run or are paused; what was left of a delay stays."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from runner.http_tasks.model import Answered
from runner.http_tasks.sealing import TaskSealing
from runner.store.secrets import SecretBox
from runner.tasks.executor import Executor, ExecutorOptions
from runner.tasks.task import Completed, Failed
from runner.tasks.wakes import TaskWakes
from tests.integration.tasks_server.serving import KEY, LATER, TASK, execute, row_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Self

    from runner.tasks.leases import Lease
    from runner.tasks.task import ClaimedTask, Outcome
    from tests.integration.tasks_server.serving import OwnerClient, Served

DAY_MS = 86_400_000
WITHIN_S = 30


class Hands:
    """An executor of HTTP tasks in the test's hands: it tells what began and what was cut off, and ends when the test says how."""

    def __init__(self, served: Served) -> None:
        self._sealing = TaskSealing(SecretBox([KEY]))
        self.began: asyncio.Queue[ClaimedTask] = asyncio.Queue()
        self.cut_off: asyncio.Queue[ClaimedTask] = asyncio.Queue()
        self.outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
        self._wakes = TaskWakes(served.engine.url)
        self.executor = Executor(
            served.engine, self._wakes, self._execute, ExecutorOptions(kinds=("http",), poll_s=0.2)
        )

    async def _execute(self, task: ClaimedTask, lease: Lease) -> Outcome:
        self.began.put_nowait(task)
        try:
            return await self.outcomes.get()
        except asyncio.CancelledError:
            self.cut_off.put_nowait(task)
            raise

    def answer(self, task: ClaimedTask, status: int, body: bytes) -> dict[str, Any]:
        return self._sealing.seal_answer(Answered(status=status, body=body), task.tenant, task.id)

    async def __aenter__(self) -> Self:
        await self._wakes.__aenter__()
        await self._wakes.connected.wait()
        self.executor.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.executor.stop()
        await self._wakes.__aexit__()


@pytest.fixture
async def hands(served: Served) -> AsyncIterator[Hands]:
    async with Hands(served) as hands:
        yield hands


async def begun(hands: Hands) -> ClaimedTask:
    return await asyncio.wait_for(hands.began.get(), WITHIN_S)


async def wait_for_state(alice: OwnerClient, queue: str, state: str) -> dict[str, Any]:
    async with asyncio.timeout(WITHIN_S):
        while (task := await alice.get(queue))["state"] != state:
            pass
    return task


async def test_a_task_that_is_paused_keeps_what_is_left_of_its_delay(
    empty: str, alice: OwnerClient
) -> None:
    queue = await alice.register()
    before = await alice.get(queue)
    paused = await alice.ask("PATCH", f"/v1/queues/{queue}/pause")
    assert (paused.status_code, paused.json()) == (200, {"status": "Done"})
    task = await alice.get(queue)
    assert task["state"] == "PAUSED"
    assert task["estimateEndAt"] >= before["createdAt"]
    # An hour later.
    execute(
        empty,
        "UPDATE tasks SET completed_at = completed_at - interval '1 hour', scheduled_at = scheduled_at - interval '1 hour'",
    )
    resumed = await alice.ask("PATCH", f"/v1/queues/{queue}/resume")
    assert resumed.status_code == 200
    task = resumed.json()
    assert task["state"] == "RUNNING"
    assert task["estimateEndAt"] == 0
    left = before["estimateExecutionAt"] - before["createdAt"]
    assert left - 60_000 < task["estimateExecutionAt"] - before["createdAt"] < left + 60_000
    assert task == await alice.get(queue)
    again = await alice.ask("PATCH", f"/v1/queues/{queue}/resume")
    assert again.status_code == 422


async def test_a_task_that_is_revoked_stays_so(alice: OwnerClient) -> None:
    """From waiting and from paused; then its owner has nothing in the queue any more."""
    waiting, paused = await alice.register(), await alice.register()
    await alice.ask("PATCH", f"/v1/queues/{paused}/pause")
    for queue in (waiting, paused):
        assert (await alice.ask("PATCH", f"/v1/queues/{queue}/revoke")).json() == {"status": "Done"}
        task = await alice.get(queue)
        assert (task["state"], task["statusCode"], task["response"]) == ("REVOKED", 0, None)
        assert task["estimateEndAt"] > 0
        for step in ("pause", "resume", "revoke"):
            assert (await alice.ask("PATCH", f"/v1/queues/{queue}/{step}")).status_code == 422
        assert (await alice.ask("POST", f"/v1/queues/{queue}/execute")).status_code == 422
    assert await alice.count() == 0


async def test_a_task_that_is_deleted_is_gone(alice: OwnerClient) -> None:
    for steps in ([], ["pause"], ["revoke"]):
        queue = await alice.register()
        for step in steps:
            await alice.ask("PATCH", f"/v1/queues/{queue}/{step}")
        assert (await alice.ask("DELETE", f"/v1/queues/{queue}")).json() == {"status": "Done"}
        assert (await alice.ask("GET", f"/v1/queues/{queue}")).status_code == 404
    assert await alice.count() == 0


async def test_a_task_is_executed_at_once_when_its_owner_says_so(
    alice: OwnerClient, hands: Hands
) -> None:
    """Days before its time; what it is answered is there then."""
    queue = await alice.register()
    assert (await alice.ask("POST", f"/v1/queues/{queue}/execute")).json() == {"status": "Done"}
    task = await begun(hands)
    assert task.id == row_of(queue)
    hands.outcomes.put_nowait(Completed(hands.answer(task, 200, b"fine")))
    ended = await wait_for_state(alice, queue, "SUCCESS")
    assert (ended["statusCode"], ended["response"]) == (200, "ZmluZQ==")
    assert ended["estimateEndAt"] > 0
    assert await alice.count() == 0


async def test_execute_does_not_wait_for_the_next_retry(alice: OwnerClient, hands: Hands) -> None:
    """And between the attempts the task shows what the last one was answered."""
    queue = await alice.register(TASK)
    task = await begun(hands)
    failed = Failed(
        error="503",
        retry_after_s=DAY_MS / 1000,
        max_attempts=5,
        result=hands.answer(task, 503, b"no"),
    )
    hands.outcomes.put_nowait(failed)
    async with asyncio.timeout(WITHIN_S):
        while (waiting := await alice.get(queue))["statusCode"] != 503:
            pass
    assert (waiting["state"], waiting["response"]) == ("RUNNING", "bm8=")
    await alice.ask("POST", f"/v1/queues/{queue}/execute")
    assert (await begun(hands)).attempts == 2
    hands.outcomes.put_nowait(Completed(hands.answer(task, 200, b"")))
    await wait_for_state(alice, queue, "SUCCESS")


@pytest.mark.parametrize(
    ("method", "step", "state"),
    [("PATCH", "/pause", "PAUSED"), ("PATCH", "/revoke", "REVOKED"), ("DELETE", "", "")],
)
async def test_a_request_under_way_is_aborted(
    alice: OwnerClient, hands: Hands, method: str, step: str, state: str
) -> None:
    """By pause, revoke and delete; what it would have been answered does not count."""
    queue = await alice.register(TASK)
    task = await begun(hands)
    assert (await alice.ask(method, f"/v1/queues/{queue}{step}")).json() == {"status": "Done"}
    cut_off = await asyncio.wait_for(hands.cut_off.get(), WITHIN_S)
    assert cut_off.id == task.id
    if state:
        assert (await alice.get(queue))["state"] == state
    else:
        assert (await alice.ask("GET", f"/v1/queues/{queue}")).status_code == 404


async def test_a_pause_costs_no_attempt(alice: OwnerClient, hands: Hands) -> None:
    queue = await alice.register(TASK)
    await begun(hands)
    await alice.ask("PATCH", f"/v1/queues/{queue}/pause")
    await alice.ask("PATCH", f"/v1/queues/{queue}/resume")
    task = await begun(hands)
    assert task.attempts == 1
    hands.outcomes.put_nowait(Completed(hands.answer(task, 204, b"")))
    assert (await wait_for_state(alice, queue, "SUCCESS"))["statusCode"] == 204


async def test_delays_of_years_are_exact(alice: OwnerClient) -> None:
    """Among them those of more than 2^31 ms, and the longest that can be said."""
    for delay in (2**31, 10 * 365 * DAY_MS, 1000 * 365 * DAY_MS, 248_832_000_000_000):
        task = await alice.get(await alice.register({**TASK, "config": {"executionDelay": delay}}))
        assert task["estimateExecutionAt"] == task["createdAt"] + delay
    at = 4_102_444_800_000
    task = await alice.get(await alice.register({**TASK, "config": {"executeAt": at}}))
    assert task["estimateExecutionAt"] == at


async def test_execute_immediately_waits_for_no_delay(alice: OwnerClient) -> None:
    config = {"executionDelay": DAY_MS, "executeImmediately": True}
    task = await alice.get(await alice.register({**TASK, "config": config}))
    assert task["estimateExecutionAt"] == task["createdAt"]
    at = 4_102_444_800_000
    config = {"executeAt": at, "executeImmediately": True}
    task = await alice.get(await alice.register({**TASK, "config": config}))
    assert task["estimateExecutionAt"] == at


async def test_a_task_that_waits_is_changed(alice: OwnerClient) -> None:
    """What is said replaces what was; with a delay it is scheduled anew, without one its time stays."""
    queue = await alice.register(LATER)
    before = await alice.get(queue)
    config = (await alice.ask("GET", f"/v1/queues/{queue}/config")).json()
    changed = await alice.ask(
        "PATCH",
        f"/v1/queues/{queue}",
        json={"httpRequest": {"url": "https://other-target/do"}, "metadata": {"a": "b"}},
    )
    assert changed.status_code == 200, changed.text
    assert changed.json() == {**before, "metadata": {"a": "b"}}
    after = (await alice.ask("GET", f"/v1/queues/{queue}/config")).json()
    assert after["httpRequest"] == {**config["httpRequest"], "url": "https://other-target/do"}
    assert after["config"] == config["config"]
    moved = await alice.ask(
        "PATCH", f"/v1/queues/{queue}", json={"config": {"executionDelay": 7 * DAY_MS}}
    )
    assert moved.json()["estimateExecutionAt"] >= before["createdAt"] + 7 * DAY_MS


async def test_a_paused_task_that_is_given_another_delay_has_that_left(alice: OwnerClient) -> None:
    queue = await alice.register(LATER)
    await alice.ask("PATCH", f"/v1/queues/{queue}/pause")
    changed = await alice.ask(
        "PATCH", f"/v1/queues/{queue}", json={"config": {"executionDelay": 3 * DAY_MS}}
    )
    assert changed.json()["state"] == "PAUSED"
    resumed = (await alice.ask("PATCH", f"/v1/queues/{queue}/resume")).json()
    left = resumed["estimateExecutionAt"] - resumed["createdAt"]
    assert 3 * DAY_MS <= left < 3 * DAY_MS + 60_000


async def test_a_task_that_runs_or_has_ended_is_not_changed(
    alice: OwnerClient, hands: Hands
) -> None:
    queue = await alice.register(TASK)
    task = await begun(hands)
    path, body = f"/v1/queues/{queue}", {"metadata": {"a": "b"}}
    assert (await alice.ask("PATCH", path, json=body)).status_code == 422
    hands.outcomes.put_nowait(Completed(hands.answer(task, 200, b"")))
    await wait_for_state(alice, queue, "SUCCESS")
    assert (await alice.ask("PATCH", path, json=body)).status_code == 422


async def test_secrets_are_masked_in_the_configuration(alice: OwnerClient) -> None:
    request = {
        **TASK["httpRequest"],
        "headers": {"Authorization": "Bearer hidden", "X-Plain": "seen"},
    }
    queue = await alice.register({**LATER, "httpRequest": request})
    answer = await alice.ask("GET", f"/v1/queues/{queue}/config")
    assert answer.status_code == 200
    assert "hidden" not in answer.text
    assert answer.json()["httpRequest"]["headers"]["X-Plain"] == "seen"
    assert answer.json()["config"]["executionDelay"] == DAY_MS
