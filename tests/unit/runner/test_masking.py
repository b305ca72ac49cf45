"""Secrets do not show in what a worker logs or throws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pools.protocol import ErrorInfo, Outcome, OutcomeKind, Start
from runner.deployments import make_deployment, make_limits
from runner.masking import masked, spellings
from runner.records import Thrown
from tests.unit.runner.fake_lane import OK, connect

if TYPE_CHECKING:
    from runner.deployments import Deployment


def with_secrets(**secrets: str) -> Deployment:
    return make_deployment(
        tenant="t",
        worker="w",
        name="w",
        main="index.js",
        files={"index.js": ""},
        variables={"PLAIN": "shown"},
        limits=make_limits(cpu_ms=100, wall_ms=1000, ops={}),
        secrets=secrets,
    )


def test_secrets_are_variables_for_the_worker_alone() -> None:
    deployment = with_secrets(KEY="hidden", EMPTY="")
    assert b'"KEY":"hidden"' in deployment.env
    assert deployment.secrets == ("hidden",)
    assert with_secrets().secrets == ()


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("hidden", "it is hidden, hidden and HIDDEN"),
        ("a\nb\\c", "plain: a\nb\\c"),
        ("a\nb\\c", "in an object: { key: 'a\\nb\\\\c' }"),
        ("a'\"`b\x01", "{ key: 'a\\'\"`b\\x01' }"),
        ("a'b", '{ key: "a\'b" }'),
        ('a"b\x01', 'JSON: {"key":"a\\"b\\u0001"}'),
    ],
)
def test_a_secret_is_found_however_the_console_quotes_it(secret: str, said: str) -> None:
    told = masked(said, spellings([secret]))
    assert "***" in told
    assert all(spelling not in told for spelling in spellings([secret]))


def test_a_secret_within_another_leaves_nothing_of_it() -> None:
    spelled = spellings(["key", "key-with-more", ""])
    assert masked("key-with-more key other", spelled) == "*** *** other"


async def test_console_lines_have_none() -> None:
    bench = await connect()
    bench.lane.on_start = lambda lane, start: lane.turn(
        start.execution, [["log", "INFO", "KEY=hidden PLAIN=shown"]], outcome=OK
    )
    await bench.start(with_secrets(KEY="hidden")).ended()
    assert bench.console.lines == [("INFO", "KEY=*** PLAIN=shown")]


async def test_errors_have_none_when_the_handler_fails() -> None:
    """Neither what the client is told nor what is kept."""
    bench = await connect()
    thrown = {
        "name": "hiddenError",
        "message": "no hidden",
        "stack": "Error: no hidden\n  at hidden",
    }
    bench.lane.on_start = lambda lane, start: lane.turn(start.execution, [["error", thrown]])
    execution = bench.start(with_secrets(KEY="hidden"))
    clean = Thrown("***Error", "no ***", "Error: no ***\n  at ***")
    assert await execution.answer == clean
    assert execution.error == clean
    bench.lane.turn(execution.number, outcome=Outcome(OutcomeKind.EXCEPTION))
    outcome = await execution.ended()
    assert outcome.error == ErrorInfo(clean.name, clean.message, clean.stack)


async def test_errors_have_none_when_the_worker_does_not_start() -> None:
    bench = await connect()
    error = ErrorInfo("SyntaxError", "hidden", file="index.js", line=1)
    bench.lane.on_start = lambda lane, start: lane.turn(
        start.execution, outcome=Outcome(OutcomeKind.INIT_ERROR, error)
    )
    outcome = await bench.start(with_secrets(KEY="hidden")).ended()
    assert outcome.error == ErrorInfo("SyntaxError", "***", file="index.js", line=1)
    assert bench.lane.got(Start)
