"""The API for what tenants have, on a real database: what it does, refuses, and keeps apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from runner.api.application import Application
from runner.api.databases import DatabaseServer
from runner.api.guard import Guard
from runner.api.v1 import tenant_endpoints
from runner.errors import DeploymentError
from runner.publish import Publisher
from runner.service_settings import SecretKey
from runner.store.assets import AssetStore
from runner.store.kv import KvStore
from runner.store.pool import open_pool
from runner.store.secrets import SecretBox
from runner.store.session import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from runner.store.pool import Pool
    from runner.store.workers import Worker

TOKEN = "0123456789abcdef"
FILES = {"main": "index.js", "files": {"index.js": "export default {}", "lib/a.js": "export {}"}}


class Stripper:
    """Takes `: number` away, and refuses enums."""

    async def strip(self, files: dict[str, str]) -> dict[str, str]:
        if any("enum" in text for text in files.values()):
            raise DeploymentError("the types can not be stripped: enum")
        return {path: text.replace(": number", "") for path, text in files.items()}


class Trial:
    """Finds nothing wrong."""

    def renew(self, worker: Worker) -> None:
        pass

    async def problem_of(self, worker: Worker) -> str:
        return ""


class Api:
    """A client as one tenant."""

    def __init__(self, http: httpx.AsyncClient, tenant: str) -> None:
        self.http = http
        self.tenant = tenant

    async def __call__(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Return what a request that succeeds gives."""
        response = await self.send(method, path, body, **query)
        assert response.status_code < 300, response.text
        return response.json() if response.content else None

    async def send(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        target = f"/v1/tenants/{self.tenant}{path}"
        return await self.http.request(method, target, json=body, params=query)

    async def refused(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Return status and message of a request that is refused."""
        response = await self.send(method, path, body, **query)
        error = response.json()["error"]
        assert error["status"] == response.status_code >= 400
        return error["status"], error["message"]

    async def deploy(self, name: str, **manifest: Any) -> Any:
        body = {**FILES, "manifest": manifest}
        return await self("POST", f"/workers/{name}/versions", body)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    async with open_pool(database) as pool:
        yield pool


@pytest.fixture
async def http(database: str, pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    box = SecretBox([SecretKey(1, bytes(32))])
    store = Store(pool, box, "the database")
    stripper: Any = Stripper()
    trial: Any = Trial()
    app = Application(Guard(TOKEN, "127.0.0.1"), [])
    server = DatabaseServer(pool, database, box)
    endpoints = tenant_endpoints(
        store, Publisher(store, stripper), KvStore(pool), AssetStore(pool, "test"), server, trial
    )
    app.add(endpoints, complete=True)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://127.0.0.1",
        headers={"authorization": f"Bearer {TOKEN}"},
    ) as client:
        yield client


@pytest.fixture
def api(http: httpx.AsyncClient) -> Api:
    return Api(http, f"tenant-{uuid4().hex[:8]}")


@pytest.fixture
def other(http: httpx.AsyncClient) -> Api:
    return Api(http, f"other-{uuid4().hex[:8]}")


@pytest.fixture
def name() -> str:
    """A worker's name that no other test has."""
    return f"w{uuid4().hex[:8]}"


async def test_deploying_makes_tenant_and_worker_and_each_change_a_version(
    api: Api, name: str
) -> None:
    first = await api.deploy(name)
    assert (first["version"], first["created"], first["newTenant"]) == (1, True, True)
    again = await api.deploy(name)
    assert (again["version"], again["created"], again["newTenant"]) == (1, False, False)
    changed = {"main": "index.ts", "files": {"index.ts": "export default 1 as number"}}
    assert (await api("POST", f"/workers/{name}/versions", changed))["version"] == 2
    versions = await api("GET", f"/workers/{name}/versions")
    assert [(one["version"], one["current"], one["codeType"]) for one in versions] == [
        (2, True, "typescript"),
        (1, False, "javascript"),
    ]
    assert (await api("POST", f"/workers/{name}/rollback", {}))["version"] == 1
    assert (await api("GET", f"/workers/{name}"))["version"] == 1
    assert await api.refused("POST", f"/workers/{name}/rollback", {}) == (
        404,
        "there is no version 'before 1'",
    )


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"main": "a.js", "files": {}}, "not among the files"),
        ({"main": "../a.js", "files": {"../a.js": ""}}, "no path"),
        ({"main": "/etc/a.js", "files": {"/etc/a.js": ""}}, "no path"),
        ({"main": "a//b.js", "files": {"a//b.js": ""}}, "no path"),
        ({"main": "a.ts", "files": {"a.ts": "enum A {}"}}, "can not be stripped"),
        ({"main": "a.js", "files": {"a.js": 1}}, "$.files"),
        ({"files": {}}, "main"),
        (FILES | {"manifest": {"crons": [{"cron": "every day"}]}}, "every day"),
        (FILES | {"manifest": {"storage": [{"binding": "FILES"}]}}, "FILES"),
        (FILES | {"manifest": {"vars": {"__proto__": "x"}}}, "__proto__"),
        (FILES | {"manifest": {"context_reuse": "hot"}}, "off or warm"),
        (FILES | {"manifest": {"routes": [{}]}}, "a route needs"),
    ],
)
async def test_what_is_no_worker_is_refused_and_leaves_nothing(
    api: Api, name: str, body: Any, says: str
) -> None:
    status, message = await api.refused("POST", f"/workers/{name}/versions", body)
    assert status == 400
    assert says in message
    await api.http.put(f"/v1/tenants/{api.tenant}")
    assert await api("GET", "/workers") == []


async def test_a_manifest_is_true_after_each_deployment(api: Api, name: str) -> None:
    await api.deploy(
        name,
        vars={"A": "1", "B": 2},
        limits={"cpu_ms": 7},
        kv=[{"binding": "CACHE"}],
        crons=[{"cron": "*/5 * * * *"}],
        routes=[{"domain": f"{name}.example.com"}],
    )
    env = await api("GET", f"/workers/{name}/env")
    assert [(one["key"], one["type"], one["value"] if one["type"] == "var" else one["target"]) for one in env] == [
        ("A", "var", "1"), ("B", "var", "2"), ("CACHE", "kv", "CACHE"),
    ]  # fmt: skip
    assert [one["name"] for one in await api("GET", "/kv")] == ["CACHE"]
    assert [one["value"] for one in await api("GET", "/schedules")] == ["*/5 * * * *"]
    assert [one["name"] for one in await api("GET", "/domains")] == [f"{name}.example.com"]
    assert (await api("GET", f"/workers/{name}"))["cpuMs"] == 7
    await api("PUT", f"/workers/{name}/env/MINE", {"value": "stays"})
    await api.deploy(name, vars={"A": "1"})
    assert [one["key"] for one in await api("GET", f"/workers/{name}/env")] == ["A", "MINE"]
    assert await api("GET", "/schedules") == await api("GET", "/domains") == []


async def test_secrets_can_be_written_and_never_read(api: Api, name: str) -> None:
    await api.deploy(name)
    await api("PUT", f"/workers/{name}/env/KEY", {"value": "hidden", "type": "secret"})
    storage = {"bucket": "b", "accessKeyId": "id", "secretAccessKey": "hidden"}
    await api("PUT", "/storage/files", storage)
    for path in (f"/workers/{name}/env", "/storage"):
        answer = await api.send("GET", path)
        assert answer.status_code == 200
        assert "hidden" not in answer.text
    (value,) = await api("GET", f"/workers/{name}/env")
    assert (value["type"], value["value"]) == ("secret", None)
    await api("DELETE", f"/workers/{name}/env/KEY")
    assert (await api.refused("DELETE", f"/workers/{name}/env/KEY"))[0] == 404


async def test_bindings_lead_to_what_the_tenant_has(api: Api, name: str) -> None:
    await api.deploy(name)
    await api("PUT", "/kv/cache")
    await api("PUT", f"/workers/{name}/env/CACHE", {"value": "cache", "type": "kv"})
    (value,) = await api("GET", f"/workers/{name}/env")
    assert value["target"] == "cache"
    refused = await api.refused("PUT", f"/workers/{name}/env/X", {"value": "nope", "type": "kv"})
    assert refused == (404, "there is no kv namespace 'nope'")


async def test_tenants_do_not_see_each_other(api: Api, other: Api, name: str) -> None:
    """Neither by name nor by id, whatever they ask for; names and domains are taken, though."""
    worker = (await api.deploy(name))["worker"]["id"]
    await api("PUT", "/kv/cache")
    await api("PUT", f"/domains/{name}.example.com", {"target": name})
    schedule = await api("POST", f"/workers/{name}/schedules", {"cron": "* * * * *"})
    await api("PUT", f"/projects/{name}")
    namespace = (await api("GET", "/kv"))[0]["id"]
    await other("PUT", "")
    for path in ("/workers", "/kv", "/domains", "/schedules", "/projects", "/storage"):
        assert await other("GET", path) == []
    for method, path, body in (
        ("GET", f"/workers/{name}", None),
        ("GET", f"/workers/{worker}", None),
        ("GET", f"/workers/{worker}/env", None),
        ("PUT", f"/workers/{worker}/env/A", {"value": "x"}),
        ("GET", f"/workers/{worker}/versions", None),
        ("POST", f"/workers/{worker}/rollback", {"version": 1}),
        ("PATCH", f"/workers/{worker}", {"public": True}),
        ("DELETE", f"/workers/{worker}", None),
        ("GET", f"/kv/{namespace}/keys", None),
        ("PUT", f"/kv/{namespace}/keys/a", {"value": 1}),
        ("DELETE", "/kv/cache", None),
        ("DELETE", f"/domains/{name}.example.com", None),
        ("PUT", "/domains/mine.example.com", {"target": name}),
        ("GET", f"/projects/{name}/routes", None),
        ("POST", f"/workers/{name}/schedules", {"cron": "* * * * *"}),
        ("DELETE", f"/schedules/{schedule['id']}", None),
    ):
        assert (await other.refused(method, path, body))[0] == 404, path
    assert (await other.refused("POST", f"/workers/{name}/versions", FILES))[0] == 409
    await other.deploy(f"{name}-2")
    taken = {"target": f"{name}-2"}
    assert (await other.refused("PUT", f"/domains/{name}.example.com", taken))[0] == 409
    assert (await api("GET", f"/workers/{name}"))["id"] == worker


async def test_an_unknown_tenant_is_404_with_what_to_do(api: Api) -> None:
    response = await api.send("GET", "/workers")
    assert response.status_code == 404
    assert "deploy" in response.json()["error"]["next"]


async def test_values_are_any_json_under_any_key(api: Api) -> None:
    await api("PUT", "")
    await api("PUT", "/kv/n")
    for key, value in (("a", {"x": [1, None]}), ("b/c d?e", "text"), ("ü", 0)):
        await api("PUT", f"/kv/n/keys/{quoted(key)}", {"value": value})
        assert (await api("GET", f"/kv/n/keys/{quoted(key)}"))["value"] == value
    page = await api("GET", "/kv/n/keys", limit=2)
    assert page == {"keys": ["a", "b/c d?e"], "complete": False}
    rest = await api("GET", "/kv/n/keys", after="b/c d?e")
    assert rest == {"keys": ["ü"], "complete": True}
    await api("DELETE", "/kv/n/keys/a")
    assert (await api.refused("GET", "/kv/n/keys/a"))[0] == 404
    assert (await api.refused("PUT", f"/kv/n/keys/{'k' * 513}", {"value": 1}))[0] == 400
    assert (await api.refused("PUT", "/kv/n/keys/a", {"value": "x" * (101 << 10)}))[0] == 400
    assert (await api.refused("PUT", "/kv/n/keys/a", {"value": "\0"}))[0] == 400
    assert (await api.refused("PUT", "/kv/n/keys/a", {"value": 1, "expiresInS": -1}))[0] == 400


def quoted(key: str) -> str:
    return quote(key, safe="")


async def test_databases_are_made_on_our_server_or_are_the_tenants_own(
    api: Api, other: Api, name: str
) -> None:
    await api.deploy(name)
    made = await api("POST", "/databases/shop", {"maxRows": 5})
    assert (made["provider"], made["maxRows"], made["timeoutSeconds"]) == ("platform", 5, 30)
    await api("POST", "/databases/own", {"url": "postgresql://me:hidden@db.example.com/shop"})
    listed = await api.send("GET", "/databases")
    assert [one["provider"] for one in listed.json()] == ["postgres", "platform"]
    assert "hidden" not in listed.text
    await api("PUT", f"/workers/{name}/env/DB", {"value": "shop", "type": "database"})
    assert (await api.refused("POST", "/databases/shop", {}))[0] == 409
    assert (await api.refused("POST", "/databases/x", {"url": "mysql://a"}))[0] == 400
    await other("PUT", "")
    assert await other("GET", "/databases") == []
    assert (await other.refused("DELETE", f"/databases/{made['id']}"))[0] == 404
    await api("PATCH", "", {"databases": 2})
    assert (await api.refused("POST", "/databases/third", {}))[0] == 409
    assert "shop" in (await api.refused("DELETE", ""))[1]
    await api("DELETE", "/databases/shop")
    await api("DELETE", "/databases/own")
    assert await api("GET", "/databases") == []


async def test_routes_of_a_project_are_listed_as_they_are_tried(api: Api, name: str) -> None:
    await api.deploy(name)
    await api.deploy(f"{name}-api")
    await api("PUT", f"/projects/{name}")
    await api("PUT", f"/projects/{name}/routes", {"pattern": "/api/*", "worker": f"{name}-api"})
    routes = await api("GET", f"/projects/{name}/routes")
    assert [(one["pattern"], one["target"]) for one in routes] == [
        ("/api/*", f"{name}-api"),
        ("/*", name),
    ]
    wrong = {"pattern": "no path", "worker": name}
    assert (await api.refused("PUT", f"/projects/{name}/routes", wrong))[0] == 400
    await api("DELETE", f"/projects/{name}/routes", pattern="/api/*")
    assert len(await api("GET", f"/projects/{name}/routes")) == 1


async def test_limits_are_changed_and_set_back(api: Api, name: str) -> None:
    await api.deploy(name)
    changed = await api("PATCH", f"/workers/{name}", {"cpuMs": 5, "public": True})
    assert (changed["cpuMs"], changed["public"], changed["wallMs"]) == (5, True, None)
    back = await api("PATCH", f"/workers/{name}", {"cpuMs": None})
    assert (back["cpuMs"], back["public"]) == (None, True)
    assert (await api.refused("PATCH", f"/workers/{name}", {"cpuMs": -1}))[0] == 400
    assert (await api.refused("PATCH", f"/workers/{name}", {"colour": 1}))[0] == 400


async def test_a_tenant_has_no_more_than_it_may(api: Api, name: str) -> None:
    await api("PUT", "")
    await api("PATCH", "", {"workers": 1})
    await api.deploy(name)
    response = await api.send("POST", f"/workers/{name}-2/versions", FILES)
    assert response.status_code == 409
    assert response.json()["error"]["reason"] == "limit"


async def test_removing_a_tenant_removes_all_it_has(api: Api, name: str) -> None:
    await api.deploy(name, vars={"A": "1"}, kv=[{"binding": "K"}])
    await api("DELETE", "")
    assert (await api.refused("GET", "/workers"))[0] == 404
    await api.deploy(name)


async def test_what_is_removed_is_gone(api: Api, name: str) -> None:
    await api.deploy(name, crons=[{"cron": "* * * * *"}])
    await api("DELETE", f"/workers/{name}")
    assert await api("GET", "/workers") == await api("GET", "/schedules") == []
    assert (await api.refused("DELETE", f"/workers/{name}"))[0] == 404
    assert (await api.refused("DELETE", f"/schedules/{uuid4()}"))[0] == 404
    assert (await api.refused("DELETE", "/schedules/nonsense"))[0] == 400


async def test_without_the_database_it_says_so_and_when_to_come_again(
    api: Api, pool: Pool, name: str
) -> None:
    await api.deploy(name)
    await pool.close()
    for method, path, body in (
        ("GET", "/workers", None),
        ("POST", f"/workers/{name}/versions", FILES),
        ("GET", "/kv/cache/keys/a", None),
    ):
        response = await api.send(method, path, body)
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        assert response.json()["error"]["next"]
