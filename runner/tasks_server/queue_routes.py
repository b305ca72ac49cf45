"""What the tasks server answers for tasks, which it calls queues. Must not know HTTP servers, nor SQL."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec

from runner.http_tasks.certificate_files import UPLOAD, CertificateFiles
from runner.http_tasks.ids import queue_id, task_of
from runner.http_tasks.sealing import TaskSealing
from runner.store.secrets import SecretBox
from runner.tasks.enqueuing import TaskIds
from runner.tasks_server.calls import DONE, Answer, Route
from runner.tasks_server.errors import full, no_key, not_found, unmet
from runner.tasks_server.masking import view_config
from runner.tasks_server.parameters import State, read_listing, read_queue_id
from runner.tasks_server.patching import read_patch
from runner.tasks_server.registration import read_registration
from runner.tasks_server.table import Edit, HttpRow, NewRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from runner.http_tasks.model import HttpTask
    from runner.service_settings import SecretKey
    from runner.tasks_server.calls import Call, Handler
    from runner.tasks_server.owners import Owner
    from runner.tasks_server.table import HttpTaskTable, Step
    from runner.tasks_server.uploads import Uploads

STATES: Final[dict[str, State]] = {
    "pending": "RUNNING",
    "running": "RUNNING",
    "paused": "PAUSED",
    "cancelled": "REVOKED",
    "completed": "SUCCESS",
    "failed": "ERROR",
}
"""By the status of the row."""
_UPLOADS: Final = re.compile(rf"{UPLOAD}([0-9A-Za-z]{{26}})".encode())


class HttpTaskLine(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A task in a list. Times are ms since 1970; ``estimate_end_at`` is when it ended, or was paused, else 0."""

    id: str
    state: State
    created_at: int
    status_code: int
    estimate_end_at: int
    estimate_execution_at: int


class HttpTaskView(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A task. ``response``: what the last attempt was answered, base64."""

    id: str
    state: State
    created_at: int
    status_code: int
    estimate_end_at: int
    estimate_execution_at: int
    response: str | None
    metadata: dict[str, str] | None


class QueueRoutes:
    """Handlers. ``folder`` is where certificates lie that are named by path; none: nowhere. Without ``keys`` nothing is registered."""

    def __init__(
        self, table: HttpTaskTable, uploads: Uploads, keys: Sequence[SecretKey], folder: Path | None
    ) -> None:
        self._table = table
        self._uploads = uploads
        self._sealing = TaskSealing(SecretBox(keys))
        self._can_seal = bool(keys)
        self._folder = folder
        self._ids = TaskIds()

    def paths(self) -> dict[tuple[str, ...], dict[str, Route]]:
        one = ("v1", "queues", ":")
        return {
            ("v1", "queues"): {"GET": Route(self.page)},
            ("v1", "queues", "register"): {"POST": Route(self.register, has_body=True)},
            one: {
                "GET": Route(self.get),
                "PATCH": Route(self.edit, has_body=True),
                "DELETE": Route(self._step("delete")),
            },
            (*one, "config"): {"GET": Route(self.config)},
            (*one, "execute"): {"POST": Route(self._step("execute"))},
            (*one, "pause"): {"PATCH": Route(self._step("pause"))},
            (*one, "resume"): {"PATCH": Route(self.resume)},
            (*one, "revoke"): {"PATCH": Route(self._step("revoke"))},
        }

    async def register(self, call: Call) -> Answer:
        owner = _owner(call)
        if not self._can_seal:
            raise no_key()
        certificates = await self._certificates(owner.id, call.body)
        task = read_registration(call.body, _now_ms(), certificates)
        row, config = self._ids.make(), task.config
        registered = await self._table.register(
            NewRow(
                owner.id,
                row,
                self._sealing.seal(task, owner.id, row),
                # A date is a promise that nothing else takes back.
                0 if config.execute_immediately else config.execution_delay,
                config.execute_at,
            )
        )
        if registered is None:
            raise full()
        return Answer(
            HttpTaskView(
                id=queue_id(row),
                state="RUNNING",
                created_at=registered.created_ms,
                status_code=0,
                estimate_end_at=0,
                estimate_execution_at=registered.scheduled_ms,
                response=None,
                metadata=task.metadata,
            ),
            201,
        )

    async def page(self, call: Call) -> Answer:
        query = parse_qsl(call.query.decode("latin-1"), keep_blank_values=True)
        asked = read_listing(dict(query))
        rows = await self._table.page(
            _owner(call).id,
            [status for status, state in STATES.items() if asked.state in {None, state}],
            asked.order,
            asked.sort,
            limit=asked.limit,
            offset=asked.offset,
        )
        return Answer([
            HttpTaskLine(
                queue_id(row.id), STATES[row.status], row.created_ms, row.status_code, row.ended_ms, row.scheduled_ms
            )
            for row in rows
        ])  # fmt: skip

    async def get(self, call: Call) -> Answer:
        owner = _owner(call)
        row = await self._find(owner.id, call.name)
        return Answer(self._view(owner.id, row, self._open(owner.id, row)))

    async def config(self, call: Call) -> Answer:
        owner = _owner(call)
        row = await self._find(owner.id, call.name)
        return Answer(view_config(self._open(owner.id, row)))

    async def resume(self, call: Call) -> Answer:
        owner, task = _owner(call), _task(call.name)
        row = await self._table.resume(owner.id, task) if task is not None else None
        if row is None:
            raise unmet()
        return Answer(self._view(owner.id, row, self._open(owner.id, row)))

    async def edit(self, call: Call) -> Answer:
        """Change a task that waits or is paused."""
        owner = _owner(call)
        row = await self._find(owner.id, call.name)
        task = self._open(owner.id, row)
        certificates = await self._certificates(owner.id, call.body, msgspec.json.encode(task))
        patched = read_patch(task, call.body, _now_ms(), row.scheduled_ms, certificates)
        options = self._sealing.seal(patched.task, owner.id, row.id)
        edited = await self._table.edit(
            owner.id, row.id, Edit(row.options, options, patched.executes_ms)
        )
        if edited is None:
            raise unmet()
        return Answer(self._view(owner.id, edited, patched.task))

    def _step(self, step: Step) -> Handler:
        async def answer(call: Call) -> Answer:
            task = _task(call.name)
            if task is None or not await self._table.step(step, _owner(call).id, task):
                raise unmet()
            return DONE

        return answer

    async def _find(self, owner: UUID, name: str) -> HttpRow:
        task = _task(name)
        row = await self._table.find(owner, task) if task is not None else None
        if row is None:
            raise not_found()
        return row

    def _open(self, owner: UUID, row: HttpRow) -> HttpTask:
        return self._sealing.open(row.options, owner, row.id)

    def _view(self, owner: UUID, row: HttpRow, task: HttpTask) -> HttpTaskView:
        answer = self._sealing.open_answer(row.result, owner, row.id)
        return HttpTaskView(
            id=queue_id(row.id),
            state=STATES[row.status],
            created_at=row.created_ms,
            status_code=answer.status_code,
            estimate_end_at=row.ended_ms,
            estimate_execution_at=row.scheduled_ms,
            response=answer.response,
            metadata=task.metadata,
        )

    async def _certificates(self, owner: UUID, *texts: bytes) -> CertificateFiles:
        """Return what the texts may name."""
        names = {name.decode() for text in texts for name in _UPLOADS.findall(text)}
        uploads = await self._uploads.contents(owner, names) if names else {}
        return CertificateFiles(self._folder, uploads)


def _owner(call: Call) -> Owner:
    assert call.owner is not None
    return call.owner


def _task(name: str) -> UUID | None:
    """Return the row of an id; None when there can be none."""
    return task_of(read_queue_id(name))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
