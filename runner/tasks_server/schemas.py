"""The bodies of the tasks server as JSON schema, made of the rules that check them: components of its OpenAPI document.

What a schema can not say is in words there: that dates are in the future and in order, and that certificates are there. Must not know routes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from runner.tasks_server.certificates import UPLOAD
from runner.tasks_server.masking import MASK
from runner.tasks_server.parameters import LISTING, OWNER
from runner.tasks_server.relations import OPTIONS
from runner.tasks_server.rules_config import CONFIG
from runner.tasks_server.rules_request import METADATA, REQUEST

if TYPE_CHECKING:
    from runner.http_tasks.model import Transport
    from runner.tasks_server.checking import Schema
    from runner.tasks_server.compound import Shape

_ANYTHING: Final[Schema] = {"type": "object", "additionalProperties": True}


def describe_bodies() -> dict[str, Schema]:
    """Return components by name, which refer to each other.

    ``TaskRegistration`` (its two forms: ``FetchTask``, ``CurlTask``), ``TaskChange``, ``TaskConfig`` (what is shown), ``OwnerRegistration``,
    ``CertificateUpload``, and of what is answered ``Refusal`` and ``ErrorTree``.
    """

    def ref(name: str) -> Schema:
        return {"$ref": f"#/components/schemas/{name}"}

    return {
        "TaskRegistration": {"anyOf": [ref("FetchTask"), ref("CurlTask")]},
        "FetchTask": _task("fetch"),
        "CurlTask": _task("curl"),
        "TaskChange": _change(),
        "TaskConfig": _view(),
        "OwnerRegistration": OWNER.schema(),
        "CertificateUpload": UPLOAD.schema(),
        "ErrorTree": {
            "type": "object",
            "properties": {"_errors": {"type": "array", "items": {"type": "string"}}},
            "required": ["_errors"],
            "additionalProperties": ref("ErrorTree"),
        },
        "Refusal": {
            "type": "object",
            "properties": {
                "action": {"type": "string"},
                "message": {"anyOf": [{"type": "string"}, ref("ErrorTree")]},
            },
            "required": ["action", "message"],
            "additionalProperties": False,
        },
    }


def describe_listing() -> dict[str, Schema]:
    """Return the schemas of the parameters of ``GET /v1/queues``, none of which is required."""
    properties: dict[str, Schema] = LISTING.schema()["properties"]
    return properties


def _task(transport: Transport) -> Schema:
    required = ["url", "method"] if transport == "fetch" else ["url", "method", "transport"]
    request = _part("httpRequest", REQUEST, transport)
    request["properties"]["transport"] = {
        "enum": ["fetch", None] if transport == "fetch" else ["curl"]
    }
    return {
        "type": "object",
        "properties": {
            "httpRequest": request | {"required": required},
            "config": _part("config", CONFIG, transport),
            "metadata": METADATA.schema(),
        },
        "required": ["httpRequest"],
        "additionalProperties": False,
    }


def _part(name: str, shape: Shape, transport: Transport) -> Schema:
    """What a transport honours; of other options only the value that asks for nothing."""
    schema = shape.schema()
    properties = {}
    for field, described in schema["properties"].items():
        option = OPTIONS[name][field]
        if option.honoured_by(transport):
            properties[field] = _only(described, lambda value: option.by(transport, value))  # noqa: B023
        elif option.default is not None:
            properties[field] = {"enum": [option.default]}
    return schema | {"properties": properties}


def _only(described: Schema, allowed: Any) -> Schema:
    if "enum" not in described:
        return described
    return described | {"enum": [value for value in described["enum"] if allowed(value)]}


def _change() -> Schema:
    def nullable(shape: Shape) -> Schema:
        schema = shape.schema()
        schema.pop("required", None)
        properties = {
            name: {"anyOf": [one, {"type": "null"}]} for name, one in schema["properties"].items()
        }
        return schema | {"properties": properties}

    return {
        "type": "object",
        "description": f"null takes a field away; a secret sent as {MASK} stays",
        "properties": {
            "httpRequest": nullable(REQUEST),
            "config": nullable(CONFIG),
            "metadata": {"anyOf": [METADATA.schema(), {"type": "null"}]},
        },
        "additionalProperties": False,
    }


def _view() -> Schema:
    return {
        "type": "object",
        "description": f"every field, null where there is none, {MASK} for what is secret",
        "properties": {
            "httpRequest": _ANYTHING,
            "config": _ANYTHING,
            "metadata": {"anyOf": [METADATA.schema(), {"type": "null"}]},
        },
        "required": ["httpRequest", "config", "metadata"],
        "additionalProperties": False,
    }
