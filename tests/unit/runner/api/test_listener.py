"""Where the control listener listens, and what the whole API says of itself."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from runner.api.listener import bind_near
from runner.api.openapi import describe
from runner.api.v1 import tenant_endpoints
from runner.config import Address
from runner.ingress.server import bind


def test_a_port_that_is_taken_is_left_to_who_has_it() -> None:
    with bind(Address("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with bind_near(Address("127.0.0.1", port)) as near:
            assert near.getsockname()[1] not in {0, port}


def test_a_port_that_is_free_is_taken() -> None:
    with bind(Address("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    with bind_near(Address("127.0.0.1", port)) as near:
        assert near.getsockname()[1] == port


def described() -> dict[str, Any]:
    nothing: Any = None
    document = msgspec.json.encode(
        describe(tenant_endpoints(nothing, nothing, nothing, nothing, nothing, nothing))
    )
    decoded = msgspec.json.decode(document)
    assert isinstance(decoded, dict)
    return decoded


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    paths = document["paths"].items()
    return [(path, operation) for path, methods in paths for operation in methods.values()]


def test_each_operation_has_a_name_of_its_own_a_summary_and_all_its_parameters() -> None:
    found = operations(described())
    ids = [operation["operationId"] for _, operation in found]
    assert len(set(ids)) == len(ids) > 30
    for path, operation in found:
        assert operation["summary"], path
        names = [one["name"] for one in operation["parameters"] if one["in"] == "path"]
        assert names == re.findall(r"{(\w+)}", path)


def test_no_schema_is_missing() -> None:
    document = described()
    text = msgspec.json.encode(document).decode()
    wanted = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert wanted <= document["components"]["schemas"].keys()


def test_whatever_belongs_to_a_tenant_is_asked_for_with_the_token() -> None:
    for path, operation in operations(described()):
        assert path.startswith("/v1/tenants")
        assert operation["security"] == [{"token": []}]
