"""The schema of the bodies says what is really taken."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from runner.tasks_server.errors import Refused, invalid
from runner.tasks_server.masking import view_config
from runner.tasks_server.registration import read_registration
from runner.tasks_server.schemas import describe_bodies, describe_listing
from tests.unit.runner.tasks_server.asking import NO_FILES, NOW_MS, asked, refusal, register
from tests.unit.runner.tasks_server.test_fields import BAD, BY_CURL, GOOD

BODIES = describe_bodies()
UNSAYABLE = {
    "Invalid cookie file",
    "Invalid HSTS file",
    "CA file does not exist",
    "Cert file does not exist",
    "Key file does not exist",
    "CA is no certificate in PEM or DER",
    "Cert is no certificate in PEM or DER",
    "Cert is no certificate in P12",
    "Key is no private key in PEM or DER",
    "Invalid header",
    "Execution date must be greater than today",
    "Retry date must be greater than execution date",
    "Timeout date must be greater than execution date",
}
FEW = settings(
    max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)
OPERATION = schemathesis.openapi.from_dict(
    {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {
            "/v1/queues/register": {
                "post": {
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/TaskRegistration"}}},
                    },
                    "responses": {"201": {"description": "registered"}},
                }
            }
        },
        "components": {"schemas": BODIES},
    }
)["/v1/queues/register"]["POST"]  # fmt: skip


def fits(body: object, name: str = "TaskRegistration") -> bool:
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": BODIES}}
    return jsonschema_rs.validator_for(schema, validate_formats=True).is_valid(body)


def all_messages(tree: dict[str, Any]) -> list[str]:
    below = [one for name, part in tree.items() if name != "_errors" for one in all_messages(part)]
    return [*tree["_errors"], *below]


@pytest.mark.parametrize(
    ("part", "field", "values", "transport"),
    [*((*one, "fetch") for one in GOOD), *((*one, "curl") for one in BY_CURL)],
)
def test_what_is_taken_fits(part: str, field: str, values: list[Any], transport: str) -> None:
    promised = {"url", "refererUrl", "executeAt", "retryAt", "timeoutAt"}
    folded = {"method", "proto", "protoRedirect", "proxy"}
    for value in values[:1]:
        body = asked("httpRequest", "transport", transport)
        body[part][field] = value
        assert fits(body) or field in promised | folded


@pytest.mark.parametrize(("part", "field", "value", "below", "expected"), BAD)
def test_what_is_refused_for_what_can_be_said_does_not_fit(
    part: str, field: str, value: object, below: tuple[str, ...], expected: list[str]
) -> None:
    body = asked(part, field, value)
    unsaid = UNSAYABLE | {"Expected integer, received float"}
    assert not fits(body) or unsaid & set(expected) or field in {"cookie", "hsts"}


@FEW
@given(OPERATION.as_strategy(generation_mode=GenerationMode.POSITIVE))
def test_what_fits_is_taken_but_for_what_no_schema_can_say(case: Any) -> None:
    tree = refusal(case.body)
    assert tree is None or set(all_messages(tree)) <= UNSAYABLE


@settings(FEW, max_examples=5)  # each takes a while to be thought of
@given(OPERATION.as_strategy(generation_mode=GenerationMode.NEGATIVE))
def test_what_does_not_fit_is_refused(case: Any) -> None:
    body = case.body if isinstance(case.body, bytes) else msgspec.json.encode(case.body)
    with pytest.raises(Refused):
        read_registration(body, NOW_MS, NO_FILES)


def test_what_is_shown_and_answered_fits_too() -> None:
    assert fits(view_config(register(asked())), "TaskConfig")
    assert fits({"httpRequest": {"cookie": None}, "config": {"retry": 3}}, "TaskChange")
    assert not fits({"config": {"retry": -1}}, "TaskChange")
    assert fits(msgspec.json.decode(invalid(refusal([])).body()), "Refusal")
    assert fits(msgspec.json.decode(invalid().body()), "Refusal")
    assert not fits({"action": "x", "message": {"a": 1}}, "Refusal")
    assert fits({"name": "my-service"}, "OwnerRegistration")
    assert not fits({"name": "my--service"}, "OwnerRegistration")
    assert fits({"value": "aGVsbG8="}, "CertificateUpload")


def test_the_parameters_of_a_listing_are_described() -> None:
    listing = describe_listing()
    assert listing["limit"] == {"type": "integer", "minimum": 1, "maximum": 1000}
    assert sorted(listing) == ["limit", "offset", "order", "sort", "state"]
