"""The answers of the tasks server when it refuses."""

from __future__ import annotations

import msgspec
import pytest

from runner.tasks_server import errors
from runner.tasks_server.errors import Refused

FIX = "Do not retry without fixing the problem"
NEVER = "The request should not be repeated"


@pytest.mark.parametrize(
    ("refused", "status", "action", "message"),
    [
        (errors.invalid(), 400, FIX, "A request includes an invalid credential or value"),
        (errors.not_authenticated(), 401, NEVER, "The request did not include valid authentication"),
        (errors.not_accepted(), 403, NEVER, "The server did not accept valid authentication"),
        (errors.conflict(), 409, FIX, "The request cannot be completed due to a conflict"),
        (errors.already_registered(), 409, FIX, "Owner has already registered"),
        (errors.unmet(), 422, FIX, "The request did not meet one of it's preconditions"),
        (errors.full(), 422, FIX, "Tasks in queue has reached it's limit"),
        (errors.too_many(), 429, "Please wait until the server restore your connection", "Too many requests in a given amount of time"),
        (errors.failed(), 500, "Do not retry this request more than once", "Internal server error"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_is_wrong_and_what_to_do(
    refused: Refused, status: int, action: str, message: str
) -> None:
    assert refused.status == status
    assert msgspec.json.decode(refused.body()) == {"action": action, "message": message}


def test_what_is_not_there_is_an_empty_object_and_a_route_that_is_none_is_nothing() -> None:
    assert (errors.not_found().status, errors.not_found().body()) == (404, b"{}")
    assert (errors.no_route().status, errors.no_route().body()) == (404, b"")
    assert (errors.too_large().status, errors.too_large().body()) == (413, b"")


def test_a_pretty_answer_is_indented_by_four() -> None:
    assert errors.conflict("x").body(pretty=True).startswith(b'{\n    "action": "Do not')
