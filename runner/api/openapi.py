"""The API's description as OpenAPI 3.1, made from the endpoints themselves."""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import msgspec

from runner.api.endpoint import UPLOAD_TYPE, Raw, Stream
from runner.api.errors import ErrorBody

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runner.api.endpoint import Endpoint

_TEMPLATE: Final = "#/components/schemas/{name}"
_CONVERTER: Final = re.compile(r":\w+}")


def describe(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Return the document."""
    endpoints = list(endpoints)
    types = [ErrorBody]
    for endpoint in endpoints:
        types += endpoint.described.values()
        if endpoint.result not in {None, type(None), Raw, Stream}:
            types.append(endpoint.result)
    schemas, components = msgspec.json.schema_components(types, ref_template=_TEMPLATE)
    known = list(zip(types, schemas, strict=True))

    def schema_of(wanted: Any) -> dict[str, Any]:
        return next(schema for type_, schema in known if type_ == wanted)

    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        path = _CONVERTER.sub("}", endpoint.path)
        operation = _operation(endpoint, schema_of, components)
        paths.setdefault(path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "Isolane", "version": version("isolane")},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def with_others(document: dict[str, Any], others: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a document with the ``paths`` and ``components`` of others.

    Raises
    ------
    ValueError
        Two have a name for different things.

    """
    for other in others:
        for into, more in (
            (document["paths"], other["paths"]),
            *(
                (document["components"].setdefault(kind, {}), parts)
                for kind, parts in other["components"].items()
            ),
        ):
            if clashing := into.keys() & more.keys():
                raise ValueError(f"two descriptions have {', '.join(sorted(clashing))}")
            into.update(more)
    return document


def _operation(endpoint: Endpoint, schema_of: Any, components: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": endpoint.handler.__qualname__.replace(".", "_"),
        "tags": [endpoint.tag],
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": schema_of(kind)}
            for name in endpoint.in_path
            if (kind := endpoint.parameters.get(name)) is not None
        ],
        "responses": {
            **_result(endpoint, schema_of),
            "default": {
                "description": "it can not be done, and why",
                "content": {"application/json": {"schema": schema_of(ErrorBody)}},
            },
        },
    }
    if endpoint.access == "token":
        operation["security"] = [{"token": []}]
    if (query := endpoint.parameters.get("query")) is not None:
        named = components[schema_of(query)["$ref"].rpartition("/")[2]]
        required = named.get("required", ())
        operation["parameters"] += [
            {"name": name, "in": "query", "required": name in required, "schema": schema}
            for name, schema in named["properties"].items()
        ]
    if (body := endpoint.parameters.get("body")) is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema_of(body)}},
        }
    if "upload" in endpoint.parameters:
        operation["requestBody"] = {"required": True, "content": {UPLOAD_TYPE: {}}}
    return operation


def _result(endpoint: Endpoint, schema_of: Any) -> dict[str, Any]:
    result = endpoint.result
    if result in {None, type(None)}:
        return {"204": {"description": "done"}}
    answer: dict[str, Any] = {"description": endpoint.summary}
    if result is Stream:
        answer["content"] = {"text/event-stream": {}}
    elif result is not Raw:
        answer["content"] = {"application/json": {"schema": schema_of(result)}}
    return {str(endpoint.status): answer}
