"""A worker's console lines over the API, and in a terminal."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest

from runner.api.application import Application
from runner.api.guard import Guard
from runner.api.logs import LiveQuery, LogsApi
from runner.api.scope import Scope
from runner.logs.publisher import LinePublisher
from runner.logs.store import LineStore, LogTable
from runner.logs.tail import Tails
from runner.nats.connection import open_bus
from runner.schedules.clock import SystemClock
from runner.service_settings import SecretKey
from runner.store.dedicated import DedicatedConnection
from runner.store.pool import connect, open_pool
from runner.store.secrets import SecretBox
from runner.store.session import Store
from tests.integration.store.conftest import Rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

TOKEN = "0123456789abcdef"


class Rig(NamedTuple):
    """The API with its worker ``w`` of the tenant ``t``, and what brings lines."""

    api: LogsApi
    worker: UUID
    store: LineStore
    publisher: LinePublisher


@pytest.fixture
async def rig(database: str, nats_url: str) -> AsyncIterator[Rig]:
    async with (
        connect(database) as connection,
        open_pool(database) as pool,
        open_bus([nats_url]) as bus,
        DedicatedConnection(database) as dedicated,
    ):
        await connection.execute("DELETE FROM users")
        rows = Rows(connection)
        user = await rows.one("INSERT INTO users (username) VALUES ('t') RETURNING id")
        await rows.one("INSERT INTO users (username) VALUES ('other') RETURNING id")
        worker = await rows.worker(user, "w")
        store = Store(pool, SecretBox([SecretKey(1, bytes(32))]), "the database")
        api = LogsApi(Scope(store), LogTable(dedicated), Tails(bus))
        yield Rig(api, worker, LineStore(dedicated, SystemClock()), LinePublisher(bus))


@asynccontextmanager
async def client_of(api: LogsApi) -> AsyncIterator[httpx.AsyncClient]:
    app = Application(Guard(TOKEN, "127.0.0.1"), [])
    app.add(api.endpoints(), complete=True)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://127.0.0.1",
        headers={"authorization": f"Bearer {TOKEN}"},
    ) as client:
        yield client


def read(event: bytes) -> Any:
    assert event.startswith(b"data: ")
    assert event.endswith(b"\n\n")
    return json.loads(event[6:])


async def test_stored_lines_are_listed_for_their_owner(rig: Rig) -> None:
    for level in ("INFO", "WARN", "ERROR"):
        rig.store.line(str(rig.worker), level, level.lower())
    await rig.store.flush()
    async with client_of(rig.api) as client:
        path = "/v1/tenants/t/workers/w/logs"
        lines = (await client.get(path)).json()
        assert [(line["level"], line["text"]) for line in lines] == [
            ("INFO", "info"),
            ("WARN", "warn"),
            ("ERROR", "error"),
        ]
        assert lines[0]["time"].endswith("Z")
        query: dict[str, str | int] = {"level": "WARN", "limit": 1, "since": 60}
        (line,) = (await client.get(path, params=query)).json()
        assert line["text"] == "error"
        assert (await client.get(path, params={"level": "LOUD"})).status_code == 400
        for wrong in ("other/workers/w", "t/workers/nobody", "nobody/workers/w"):
            for end in ("", "/live"):
                answer = await client.get(f"/v1/tenants/{wrong}/logs{end}")
                assert answer.status_code == 404


async def test_live_lines_follow_those_that_were_before(rig: Rig) -> None:
    rig.store.line(str(rig.worker), "INFO", "too light")
    rig.store.line(str(rig.worker), "WARN", "before")
    await rig.store.flush()
    stream = await rig.api.live("t", "w", LiveQuery(level="WARN", since=60))
    assert stream.media_type == "text/event-stream"
    chunks = aiter(stream.chunks)
    assert (await anext(chunks)).startswith(b":")
    assert read(await anext(chunks))["text"] == "before"
    rig.publisher.line(str(rig.worker), "INFO", "too light")
    rig.publisher.line(str(rig.worker), "ERROR", "now\nand here")
    await rig.publisher.flush()
    line = read(await anext(chunks))
    assert (line["level"], line["text"]) == ("ERROR", "now\nand here")
    await chunks.aclose()  # type: ignore[attr-defined]


async def test_a_silent_worker_is_followed_with_a_sign_of_life(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.api.logs._PING_S", 0)
    stream = await rig.api.live("t", "w", LiveQuery())
    chunks = aiter(stream.chunks)
    assert [await anext(chunks) for _ in range(2)] == [b": following\n\n", b": ping\n\n"]
    await chunks.aclose()  # type: ignore[attr-defined]


async def test_the_description_knows_both(rig: Rig) -> None:
    async with client_of(rig.api) as client:
        paths = (await client.get("/openapi.json")).json()["paths"]
    path = "/v1/tenants/{tenant}/workers/{worker}/logs"
    live = paths[f"{path}/live"]["get"]
    assert "text/event-stream" in live["responses"]["200"]["content"]
    assert {one["name"] for one in live["parameters"]} == {"tenant", "worker", "level", "since"}
    assert paths[path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
