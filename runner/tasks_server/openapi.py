"""The tasks server's routes as OpenAPI 3.1: a document of their own, and the parts that another document takes over.

Must not know how requests are answered; a test compares it with the routes that there are.
"""

from __future__ import annotations

import re
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import msgspec

from runner.http_tasks.ids import LENGTH
from runner.tasks_server.certificate_routes import CertificateView
from runner.tasks_server.owner_routes import OwnerKey, OwnerView
from runner.tasks_server.parameters import OWNER
from runner.tasks_server.queue_routes import HttpTaskLine, HttpTaskView
from runner.tasks_server.schemas import describe_bodies, describe_listing

if TYPE_CHECKING:
    from runner.tasks_server.checking import Schema

_SCHEMAS: Final = "#/components/schemas/"
_TEMPLATE: Final = _SCHEMAS + "{name}"
_AUTHENTICATED: Final[list[dict[str, list[str]]]] = [{"ownerKey": [], "ownerId": []}]
_OPEN: Final[list[dict[str, list[str]]]] = []
_REGISTRATION: Final[list[dict[str, list[str]]]] = [{}, {"registrationToken": []}]
_JSON: Final = "application/json"
_WORD: Final = re.compile(r"\w+")
_WORDS: Final = {
    "400": "something that was sent can not be, and what",
    "401": "the key is not the owner's",
    "403": "a header is missing or malformed, or there is no such owner",
    "409": "the name is another's",
    "422": "the state of the task or owner does not allow it",
    "429": "too many requests; RateLimit-Reset has the seconds to wait",
    "500": "the server failed",
    "503": "the database is away",
}
_ALWAYS: Final = ("429", "500", "503")
_WITH_KEY: Final = ("401", "403")
_NAME: Final = {
    "name": "name",
    "in": "path",
    "required": True,
    "schema": OWNER.schema()["properties"]["name"],
}
_QUEUE: Final = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "of a task, in letters of either size",
    "schema": {"type": "string", "pattern": f"^[0-9A-Za-z]{{{LENGTH}}}$"},
}
_CERTIFICATE: Final = {
    "name": "id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[0-9A-Za-z]{26}$"},
}


def describe_api() -> dict[str, Any]:
    """Return ``paths`` and ``components``."""
    types = (OwnerKey, OwnerView, HttpTaskLine, HttpTaskView, CertificateView)
    _, views = msgspec.json.schema_components(types, ref_template=_TEMPLATE)
    done = {
        "type": "object",
        "properties": {"status": {"const": "Done"}},
        "required": ["status"],
        "additionalProperties": False,
    }
    return {
        "paths": _linked(_paths()),
        "components": {
            "schemas": {**describe_bodies(), **views, "Done": done},
            "securitySchemes": {
                "ownerKey": {"type": "http", "scheme": "bearer", "description": "an owner's key"},
                "ownerId": {"type": "apiKey", "in": "header", "name": "X-Tasks-Owner-Id"},
                "registrationToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "TASKS_REGISTRATION_TOKEN, if the server has one",
                },
            },
        },
    }


def describe_server() -> dict[str, Any]:
    """Return a document of its own."""
    info = {"title": "Isolane: tasks server", "version": version("isolane")}
    return {"openapi": "3.1.0", "info": info, **describe_api()}


def _paths() -> dict[str, dict[str, Any]]:
    queue = partial(_operation, parameters=[_QUEUE])
    step = partial(queue, answer=_ref("Done"), refusals=("400", "422"))
    pages = [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in describe_listing().items()
    ]
    look = partial(_operation, "Look at oneself", _ref("OwnerView"), ("400", "404"))
    leave = partial(_operation, "Leave; nothing may be in the queue", _ref("Done"), ("400", "422"))
    return {
        "/status": {
            "get": _operation("Tell that it serves", {"type": "string"}, (), security=_OPEN, media="text/plain")
        },
        "/v1/owners/register": {
            "post": _operation(
                "Register an owner; its key is told once",
                _ref("OwnerKey"),
                ("400", "401", "403", "409"),
                status="201",
                body="OwnerRegistration",
                security=_REGISTRATION,
            ),
            # For an owner who is called so.
            "get": look(),
            "delete": leave(),
        },
        "/v1/owners/{name}": {"get": look(parameters=[_NAME]), "delete": leave(parameters=[_NAME])},
        "/v1/queues": {
            "get": _operation(
                "List tasks", {"type": "array", "items": _ref("HttpTaskLine")}, ("400",), parameters=pages
            )
        },
        "/v1/queues/register": {
            "post": _operation(
                "Register a task", _ref("HttpTaskView"), ("400", "422"), status="201", body="TaskRegistration"
            )
        },
        "/v1/queues/{id}": {
            "get": queue("Look at a task", _ref("HttpTaskView"), ("400", "404")),
            "patch": queue(
                "Change a task that waits or is paused", _ref("HttpTaskView"), ("400", "404", "422"), body="TaskChange"
            ),
            "delete": step("Delete a task; a request under way is aborted"),
        },
        "/v1/queues/{id}/config": {
            "get": queue("Look at what a task is made of, secrets masked", _ref("TaskConfig"), ("400", "404"))
        },
        "/v1/queues/{id}/execute": {"post": step("Execute a task now")},
        "/v1/queues/{id}/pause": {"patch": step("Pause a task; a request under way is aborted")},
        "/v1/queues/{id}/resume": {
            "patch": queue("Let a paused task go on", _ref("HttpTaskView"), ("400", "422"))
        },
        "/v1/queues/{id}/revoke": {"patch": step("End a task; a request under way is aborted")},
        "/v1/certificates": {
            "get": _operation("List uploads", {"type": "array", "items": _ref("CertificateView")}, ()),
            "post": _operation(
                "Upload a certificate or key, to be named as upload:ID",
                _ref("CertificateView"),
                ("400", "422"),
                status="201",
                body="CertificateUpload",
            ),
        },
        "/v1/certificates/{id}": {
            "delete": _operation("Remove an upload", _ref("Done"), ("404",), parameters=[_CERTIFICATE])
        },
    }  # fmt: skip


def _linked(paths: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Give operations ids, and say where the id of what was made leads to."""
    for path, methods in paths.items():
        words = "".join(word.capitalize() for word in _WORD.findall(path.removeprefix("/v1")))
        for method, operation in methods.items():
            operation["operationId"] = method + words
    for made, one in (
        ("/v1/queues/register", "/v1/queues/{id}"),
        ("/v1/certificates", "/v1/certificates/{id}"),
    ):
        paths[made]["post"]["responses"]["201"]["links"] = {
            operation["operationId"]: {
                "operationId": operation["operationId"],
                "parameters": {"id": "$response.body#/id"},
            }
            for path, methods in paths.items()
            if path.startswith(one)
            for operation in methods.values()
        }
    return paths


def _operation(
    summary: str,
    answer: Schema,
    refusals: tuple[str, ...],
    *,
    status: str = "200",
    parameters: list[dict[str, Any]] | None = None,
    body: str = "",
    security: list[dict[str, list[str]]] = _AUTHENTICATED,
    media: str = _JSON,
) -> dict[str, Any]:
    known = {*refusals, *_ALWAYS, *(_WITH_KEY if security is _AUTHENTICATED else ())}
    responses: dict[str, Any] = {
        status: {"description": summary, "content": {media: {"schema": answer}}},
        **{
            one: {"description": _WORDS[one], "content": {_JSON: {"schema": _ref("Refusal")}}}
            for one in sorted(known - {"404"})
        },
    }
    if "404" in known:
        nothing = {"type": "object", "maxProperties": 0}
        responses["404"] = {
            "description": "it is not there, or another owner's",
            "content": {_JSON: {"schema": nothing}},
        }
    operation: dict[str, Any] = {
        "summary": summary,
        "tags": ["tasks server"],
        "parameters": parameters or [],
        "security": security,
        "responses": responses,
    }
    if body:
        content = {_JSON: {"schema": _ref(body)}}
        operation["requestBody"] = {"required": True, "content": content}
        responses["413"] = {"description": "the body has more than 32,768 bytes"}
    return operation


def _ref(name: str) -> Schema:
    return {"$ref": _SCHEMAS + name}
