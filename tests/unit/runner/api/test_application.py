"""The control listener's application: declared endpoints, and every failure as JSON that says what to do."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import pytest

from runner.api.application import Application
from runner.api.endpoint import Endpoint, Model, Raw
from runner.api.errors import conflict
from runner.api.guard import Guard
from runner.errors import DatabaseUnavailableError, DeploymentError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOKEN = "0123456789abcdef"
TENANT = "/v1/tenants/{tenant}/things"


class Thing(Model, frozen=True, kw_only=True):
    """A thing."""

    display_name: str
    size: int = 1


class Page(Model, frozen=True, kw_only=True):
    """Which part of a list."""

    limit: int = 10


class Things:
    """An API of its own."""

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", TENANT, self.list),
            Endpoint("POST", TENANT, self.make, status=201, max_body_bytes=100),
            Endpoint("DELETE", TENANT + "/{number}", self.remove),
            Endpoint("GET", "/files/{name:path}", self.file),
            Endpoint("GET", "/fails/{how}", self.fail),
        ]

    async def list(self, tenant: str, query: Page) -> list[Thing]:
        """List things."""
        return [Thing(display_name=tenant, size=query.limit)]

    async def make(self, tenant: str, body: Thing) -> Thing:
        """Make a thing."""
        return body

    async def remove(self, tenant: str, number: int) -> None:
        """Remove a thing."""

    async def file(self, name: str) -> Raw:
        """Give a file."""
        return Raw(name.encode(), "text/plain")

    async def fail(self, how: str) -> Raw:
        """Fail."""
        raise {
            "conflict": conflict("it is taken", "take another"),
            "database": DatabaseUnavailableError("shop", "it is gone"),
            "deployment": DeploymentError("no entry"),
            "bug": KeyError("secret detail"),
        }[how]


@pytest.fixture
def app() -> Application:
    return Application(Guard(TOKEN, "127.0.0.1"), [])


@pytest.fixture
async def client(app: Application) -> AsyncIterator[httpx.AsyncClient]:
    app.add(Things().endpoints(), complete=True)
    headers = {"authorization": f"Bearer {TOKEN}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1", headers=headers
    ) as client:
        yield client


def error_of(response: httpx.Response) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body["error"]["status"] == response.status_code
    error = body["error"]
    assert isinstance(error, dict)
    return error


async def test_path_query_and_body_reach_the_handler_with_their_types(
    client: httpx.AsyncClient,
) -> None:
    response = await client.get("/v1/tenants/acme/things", params={"limit": 3})
    assert response.json() == [{"displayName": "acme", "size": 3}]
    response = await client.post("/v1/tenants/a/things", json={"displayName": "b"})
    assert (response.status_code, response.json()) == (201, {"displayName": "b", "size": 1})
    assert (await client.delete("/v1/tenants/a/things/7")).status_code == 204
    assert (await client.get("/files/a%2Fb/c")).text == "a/b/c"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{", "truncated"),
        (b"\xff", "malformed"),
        (b"[]", "Expected `object`"),
        (b'{"displayName": 1}', "$.displayName"),
        (b'{"displayName": "a", "colour": 1}', "unknown field `colour`"),
        (b"{}", "displayName"),
    ],
)
async def test_a_wrong_body_is_400_that_names_the_field(
    client: httpx.AsyncClient, content: bytes, says: str
) -> None:
    headers = {"content-type": "application/json"}
    response = await client.post("/v1/tenants/a/things", content=content, headers=headers)
    error = error_of(response)
    assert (error["status"], error["reason"]) == (400, "invalid")
    assert says in error["message"]
    assert error["next"]


@pytest.mark.parametrize(
    ("target", "says"),
    [("?limit=x", "limit"), ("?sort=1", "sort"), ("/x", "there is no"), ("/x?y=1", "there is no")],
)
async def test_wrong_parameters_are_named(
    client: httpx.AsyncClient, target: str, says: str
) -> None:
    response = await client.get("/v1/tenants/a/things" + target)
    assert response.status_code in {400, 404, 405}
    assert says in error_of(response)["message"] or response.status_code == 405


async def test_a_number_in_the_path_must_be_one(client: httpx.AsyncClient) -> None:
    error = error_of(await client.delete("/v1/tenants/a/things/x"))
    assert (error["status"], "number: " in error["message"]) == (400, True)


async def test_a_body_that_is_too_large_is_413(client: httpx.AsyncClient) -> None:
    body = {"displayName": "x" * 200}
    assert error_of(await client.post("/v1/tenants/a/things", json=body))["status"] == 413


async def test_a_form_of_a_web_page_is_no_body(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "text/plain"}
    response = await client.post("/v1/tenants/a/things", content=b"{}", headers=headers)
    assert error_of(response)["status"] == 415


@pytest.mark.parametrize(
    ("how", "status", "says"),
    [
        ("conflict", 409, "it is taken"),
        ("database", 503, "can not connect to shop"),
        ("deployment", 400, "no entry"),
        ("bug", 500, "the runner failed"),
    ],
)
async def test_failures_are_told_apart_and_bugs_tell_nothing(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, how: str, status: int, says: str
) -> None:
    with caplog.at_level(logging.CRITICAL):
        response = await client.get(f"/fails/{how}")
    assert error_of(response)["status"] == status
    assert says in response.text
    assert "secret detail" not in response.text


async def test_without_a_token_nobody_learns_what_there_is(client: httpx.AsyncClient) -> None:
    del client.headers["authorization"]
    for path in ("/v1/tenants/a/things", "/nowhere", "/openapi.json"):
        assert error_of(await client.get(path))["status"] == 401


async def test_unknown_paths_and_methods_are_json(client: httpx.AsyncClient) -> None:
    assert error_of(await client.get("/nowhere"))["status"] == 404
    response = await client.put("/v1/tenants/a/things")
    assert error_of(response)["status"] == 405
    assert "GET" in response.headers["allow"]


async def test_what_comes_later_is_503_until_all_is_there(app: Application) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", headers=headers
    ) as client:
        assert (await client.get("/v1/tenants/a/things")).status_code == 503
        assert (await client.get("/nowhere")).status_code == 404
        app.add(Things().endpoints(), complete=True)
        assert (await client.get("/v1/tenants/a/things")).status_code == 200
        assert (await client.get("/v1/other")).status_code == 404


async def test_the_description_has_every_endpoint_with_its_schemas(
    client: httpx.AsyncClient,
) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    things = document["paths"][TENANT]
    assert things["get"]["summary"] == "List things"
    assert [(one["name"], one["in"]) for one in things["get"]["parameters"]] == [
        ("tenant", "path"),
        ("limit", "query"),
    ]
    body = things["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/Thing"}
    assert "201" in things["post"]["responses"]
    assert document["components"]["schemas"]["Thing"]["properties"].keys() == {
        "displayName",
        "size",
    }
    assert "/files/{name}" in document["paths"]
    assert things["get"]["security"] == [{"token": []}]


async def test_answers_may_not_be_kept_or_framed(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/v1/tenants/a/things")).headers
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers


def test_an_argument_that_the_path_does_not_have_is_refused_at_once() -> None:
    async def handler(wrong: str) -> None:
        """Do it."""

    with pytest.raises(TypeError, match="has no wrong"):
        Endpoint("GET", "/v1/{right}", handler)


def test_models_refuse_unknown_fields() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({"displayName": "a", "x": 1}, Thing)
