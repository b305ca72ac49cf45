"""What a client is told: the table of outcomes, and responses checked."""

from __future__ import annotations

import json

import pytest

from pools.protocol import ErrorInfo, Outcome, OutcomeKind
from runner.execution import Response
from runner.ingress.answers import Problem, check_response, problem_of
from runner.records import Head, Thrown
from runner.streams import ByteStream

TABLE = [
    (OutcomeKind.OK, 500, ""),
    (OutcomeKind.EXCEPTION, 500, "Exception"),
    (OutcomeKind.INIT_ERROR, 500, "InitializationError"),
    (OutcomeKind.NO_HANDLER, 501, ""),
    (OutcomeKind.CPU_LIMIT, 429, "CpuTimeLimit"),
    (OutcomeKind.MEMORY_LIMIT, 429, "MemoryLimit"),
    (OutcomeKind.OP_LIMIT, 429, "OpLimit"),
    (OutcomeKind.WALL_CLOCK, 504, "WallClockTimeout"),
    (OutcomeKind.TERMINATED, 503, "Terminated"),
    (OutcomeKind.ABORTED, 503, "Aborted"),
    (OutcomeKind.BUSY, 503, "Overloaded"),
    (OutcomeKind.HOST_LOST, 502, "HostLost"),
]


def response(*headers: tuple[str, str], status: int = 200, body: bytes | None = b"") -> Response:
    return Response(Head(status, "", list(headers)), body)


def checked(answer: Response, *, head: bool = False) -> tuple[dict[bytes, bytes], bool]:
    result = check_response(answer, request_id="r", head=head)
    assert not isinstance(result, Problem), result
    return dict(result[0]), result[1]


def test_the_table_knows_every_outcome() -> None:
    assert {kind for kind, _, _ in TABLE} == set(OutcomeKind)


@pytest.mark.parametrize(("kind", "status", "reason"), TABLE)
def test_an_outcome_without_a_response_has_its_status(
    kind: OutcomeKind, status: int, reason: str
) -> None:
    problem = problem_of(Outcome(kind), expose_errors=True)
    headers, _ = problem.render("id", as_json=False)
    assert problem.status == status
    assert dict(headers).get(b"x-termination-reason", b"").decode() == reason
    assert (b"retry-after" in dict(headers)) == (status == 503)


def test_a_tenants_error_is_told_with_its_place_and_without_its_stack() -> None:
    error = ErrorInfo("SyntaxError", "Unexpected token", "at secret", "index.js", 3, 5)
    problem = problem_of(Outcome(OutcomeKind.INIT_ERROR, error), expose_errors=True)
    assert problem.message == "SyntaxError: Unexpected token (index.js:3:5)"


@pytest.mark.parametrize(
    "answer",
    [Thrown("Error", "secret"), Outcome(OutcomeKind.EXCEPTION, ErrorInfo("Error", "secret"))],
)
def test_errors_stay_inside_when_they_are_not_to_be_exposed(answer: Thrown | Outcome) -> None:
    assert "secret" in problem_of(answer, expose_errors=True).message
    assert "secret" not in problem_of(answer, expose_errors=False).message


def test_problems_are_json_for_those_who_ask() -> None:
    headers, body = Problem(504, "m", "WallClockTimeout").render("id", as_json=True)
    assert dict(headers)[b"content-type"] == b"application/json"
    assert json.loads(body) == {
        "error": {"status": 504, "reason": "WallClockTimeout", "message": "m", "requestId": "id"}
    }


def test_the_length_of_a_whole_body_is_what_it_is() -> None:
    headers, has_body = checked(response(("content-length", "99"), body=b"abc"))
    assert has_body
    assert headers[b"content-length"] == b"3"


def test_a_streams_length_is_believed_if_it_is_a_number() -> None:
    stream = ByteStream(lambda _: None, lambda _: None)
    answer = Response(Head(200, "", [("content-length", "5")]), stream)
    assert checked(answer)[0][b"content-length"] == b"5"
    answer = Response(Head(200, "", [("content-length", "5, 5")]), stream)
    assert b"content-length" not in checked(answer)[0]


@pytest.mark.parametrize("status", [204, 205, 304])
def test_some_statuses_have_no_body(status: int) -> None:
    headers, has_body = checked(response(status=status, body=b"abc"))
    assert not has_body
    assert b"content-length" not in headers


def test_a_head_request_gets_the_length_alone() -> None:
    headers, has_body = checked(response(("content-length", "7"), body=None), head=True)
    assert not has_body
    assert headers[b"content-length"] == b"7"


def test_headers_of_the_connection_and_of_ours_are_dropped() -> None:
    headers, _ = checked(
        response(
            ("Connection", "close"),
            ("Transfer-Encoding", "chunked"),
            ("x-worker-id", "1"),
            ("X-Isolane-Hops", "1"),
            ("x-request-id", "theirs"),
            ("X-Kept", "yes"),
        )
    )
    assert headers == {b"x-kept": b"yes", b"x-request-id": b"r", b"content-length": b"0"}


def test_duplicate_headers_survive() -> None:
    result = check_response(
        response(("set-cookie", "a"), ("set-cookie", "b")), request_id="r", head=False
    )
    assert not isinstance(result, Problem)
    assert [value for name, value in result[0] if name == b"set-cookie"] == [b"a", b"b"]


@pytest.mark.parametrize(
    "bad",
    [
        response(("x", "a\r\nset-cookie: b")),
        response(("x", "a\nb")),
        response(("x", "\x00")),
        response(("x", "€")),
        response(("a b", "x")),
        response(("a\r\nb", "x")),
        response(("", "x")),
        response(status=101),
        response(status=1000),
    ],
)
def test_what_http_forbids_is_a_clear_500(bad: Response) -> None:
    problem = check_response(bad, request_id="r", head=False)
    assert isinstance(problem, Problem)
    assert problem.status == 500
    assert "not allowed in HTTP" in problem.message
