"""HTTP tasks against real servers of this machine, by both transports."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import msgspec
import pytest

from runner.http_tasks.model import HttpConfig, HttpRequest, HttpTask
from runner.http_tasks.sealing import TaskSealing
from runner.http_tasks.sender import HttpTasks
from runner.http_tasks.surroundings import Connectivity, Surroundings
from runner.service_settings import SecretKey
from runner.store.secrets import SecretBox
from runner.tasks.leases import Hand, Lease
from runner.tasks.task import ClaimedTask, Completed, Failed
from tests.integration.http_tasks.site import Authority

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

    from runner.tasks.task import Outcome

OWNER = UUID(int=5)
KEYS = [SecretKey(1, b"k" * 32)]


class End(msgspec.Struct):
    """How an attempt ended, with its answer opened."""

    outcome: Outcome
    status: int
    body: bytes | None

    @property
    def failed(self) -> Failed:
        assert isinstance(self.outcome, Failed)
        return self.outcome


class Sender:
    """Sends tasks without a queue."""

    def __init__(self, transport: str, **around: Any) -> None:
        self.transport = transport
        self.sealing = TaskSealing(SecretBox(KEYS))
        self.uploads: dict[str, bytes] = {}
        self.now: float | None = None
        """The time, in seconds since 1970; None: as it is."""
        options = {"base": ("loopback",), **around}
        surroundings = Surroundings(Connectivity(""), self._contents, **options)
        self.tasks = HttpTasks(self.sealing, surroundings, clock=self._clock, chance=lambda: 1.0)

    def _clock(self) -> float:
        return time.time() if self.now is None else self.now

    async def _contents(self, owner: UUID, names: Iterable[str]) -> dict[str, bytes]:
        assert owner == OWNER
        return {name: self.uploads[name] for name in names if name in self.uploads}

    def task(self, url: str, request: dict[str, Any] | None = None, **config: Any) -> HttpTask:
        asked = {"url": url, "method": "GET", "transport": self.transport, **(request or {})}
        return HttpTask(request=HttpRequest(**asked), config=HttpConfig(**config))

    def claimed(self, task: HttpTask, *, attempt: int = 1) -> ClaimedTask:
        row = uuid4()
        options = self.sealing.seal(task, OWNER, row)
        now = datetime.now(UTC)
        return ClaimedTask(
            id=row, lease_id=uuid4(), tenant=OWNER, queue="http", kind="http", script=None, worker=None, type=None, key=None,
            concurrency_key=None, priority=0, payload=None, options=msgspec.json.encode(options).decode(), attempts=attempt,
            max_attempts=None, retry=None, timeout_ms=None, trace=None, created_at=now, scheduled_at=now, started_at=now,
        )  # fmt: skip

    async def send(
        self, url: str, request: dict[str, Any] | None = None, *, attempt: int = 1, **config: Any
    ) -> End:
        claimed = self.claimed(self.task(url, request, **config), attempt=attempt)
        return self.end(claimed, await self.tasks(claimed, Lease(claimed, Hand(), ruled=False)))

    def end(self, claimed: ClaimedTask, outcome: Outcome) -> End:
        assert isinstance(outcome, Completed | Failed)
        result = None if outcome.result is None else msgspec.json.encode(outcome.result)
        opened = self.sealing.open_answer(result, OWNER, claimed.id)
        body = None if opened.response is None else base64.b64decode(opened.response)
        return End(outcome, opened.status_code, body)


@pytest.fixture(params=["fetch", "curl"])
def transport(request: pytest.FixtureRequest) -> str:
    assert isinstance(request.param, str)
    return request.param


@pytest.fixture
async def sender(transport: str, tmp_path: Path) -> AsyncIterator[Sender]:
    sender = Sender(transport, folder=tmp_path)
    yield sender
    await sender.tasks.close()


@pytest.fixture
async def guarded(transport: str) -> AsyncIterator[Sender]:
    """For which this machine is not to be reached."""
    sender = Sender(transport, base=())
    yield sender
    await sender.tasks.close()


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()
