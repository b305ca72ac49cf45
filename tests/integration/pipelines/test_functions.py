"""JavaScript of documents, in isolates: what functions get, keep, return and throw."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from pools.protocol import Mode
from runner.pipelines.errors import DocumentError
from tests.integration.pipelines.flow import HOST, open_flow

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runner.config import Settings

DOCUMENT = """pipeline:
  in: {{module: pass}}
  work:
    module: js
    inputs: [in]
    config:
      greeting: hello
      deep: {{list: [1]}}
      function: !!js/function >-
        {function}
      {more}
  errors: {{config: {{intervalSeconds: 0.05}}}}
  out: {{module: pass, inputs: [work]}}
  told: {{module: pass, inputs: [errors]}}
"""
LINE = 10
"""Where the function begins."""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(function: str, more: str = "") -> Path:
        path = tmp_path / "p.yaml"
        indented = function.replace("\n", "\n        ")
        path.write_text(DOCUMENT.format(function=indented, more=more))
        return path

    return write


async def through(settings: Settings, path: Path, *events: Any) -> list[Any]:
    async with open_flow(settings, path) as flow:
        await flow.feed(*events)
        return await flow.end()


async def test_what_is_truthy_goes_on(settings: Settings, write: Callable[..., Path]) -> None:
    """Empty lists and objects are; null, nothing, 0, false and the empty text are not."""
    events = [[], {}, "x", 1, True, None, 0, False, "", {"a": [None, 1.5, "ü\ud83d\ude00"]}]
    events[-1] = {"a": [None, 1.5, "ü😀"]}
    assert await through(settings, write("(event) => event"), *events) == [
        [], {}, "x", 1, True, {"a": [None, 1.5, "ü😀"]},
    ]  # fmt: skip


@pytest.mark.parametrize("mode", Mode)
async def test_this_is_one_object_that_lasts(
    settings: Settings, write: Callable[..., Path], mode: Mode
) -> None:
    """It has the host's name and the config, and whatever the function puts there, however the runner pools isolates."""
    settings = msgspec.structs.replace(settings, mode=mode, lanes=2)
    function = """function (event) {
  this.seen = (this.seen ?? 0) + 1
  return [event, this.seen, this.hostname, this.config.greeting, this.config.deep.list, typeof this.config.function]
}"""
    async with open_flow(settings, write(function)) as flow:
        for number in range(1, 4):
            await flow.feed("a")
            assert await flow.take() == [["a", number, HOST, "hello", [1], "function"]]


async def test_the_last_call_tells_what_was_held(
    settings: Settings, write: Callable[..., Path]
) -> None:
    function = "function (n) { this.sum = (this.sum ?? 0) + n }"
    last = "lastCall: !!js/function 'function () { return { sum: this.sum } }'"
    assert await through(settings, write(function, last), 1, 2, 3) == [{"sum": 6}]


async def test_promises_are_waited_for_in_order(
    settings: Settings, write: Callable[..., Path]
) -> None:
    function = """async (n) => {
  if (n % 3 === 0) await new Promise((done) => setTimeout(done, 5 - n))
  return n
}"""
    assert await through(settings, write(function), *range(1, 20)) == list(range(1, 20))


async def test_an_error_names_the_stage_and_the_documents_line_and_the_others_go_on(
    settings: Settings, write: Callable[..., Path]
) -> None:
    function = """function (event) {
  const missing = event.none
  return { is: missing.there }
}"""
    async with open_flow(settings, write(function)) as flow:
        await flow.feed({}, {"none": {"there": 1}}, {})
        assert await flow.take() == [{"is": 1}]
        told = await flow.hear()
    assert (
        told["message"] == "work: TypeError: Cannot read properties of undefined (reading 'there')"
    )
    assert told["stack"] == [f"at function (p.yaml:{LINE + 2}:32)"]
    assert told["count"] == 2


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("() => { throw new RangeError('far') }", "work: RangeError: far"),
        ("() => { throw 'text' }", "work: Error: thrown: text"),
        ("() => { throw { a: 1 } }", 'work: Error: thrown: {"a":1}'),
        ("() => { const a = {}; throw (a.a = a) }", "work: Error: thrown: what can not be shown"),
        ("() => { throw null }", "work: Error: thrown: null"),
        ("async () => { await null; throw new TypeError('later') }", "work: TypeError: later"),
        ("() => 10n", "work: TypeError: Do not know how to serialize a BigInt"),
        ("function () { return this.util.format('x') }", "work: TypeError: this.util is not there: use template literals and JSON.stringify"),
        ("function () { return this.moment() }", "work: TypeError: this.moment is not there: use Date and Intl.DateTimeFormat"),
        ("() => { for (;;); }", "work: CpuLimit: the function used up its CPU time (CPU_TIME_LIMIT_MS)"),
        ("() => { const all = []; for (;;) all.push(new Array(1e5).fill(1.5)) }", "work: MemoryLimit: the function and what it keeps in 'this' used up the memory (ISOLATE_HEAP_MAX_MB)"),
        ("() => new Promise(() => {})", "work: Error: The handler can never settle: it waits for something, but no operation, timer or stream is pending"),
        ("() => fetch('http://127.0.0.1:9')", "work: TypeError: "),
    ],
)  # fmt: skip
async def test_whatever_goes_wrong_is_told_and_ends_nothing(
    settings: Settings, write: Callable[..., Path], function: str, message: str
) -> None:
    async with open_flow(settings, write(function)) as flow:
        await flow.feed(1)
        told = await flow.hear()
        await flow.feed(2)
        assert (await flow.hear())["message"] == told["message"]
    assert told["message"].startswith(message)


async def test_one_event_that_uses_up_its_time_takes_no_other_with_it(
    settings: Settings, write: Callable[..., Path]
) -> None:
    """Those of the same execution are called again, one by one."""
    function = "(n) => { if (n === 50) for (;;); return n + 1 }"
    async with open_flow(settings, write(function)) as flow:
        await flow.feed(*range(100))
        assert await flow.take(99) == [n + 1 for n in range(100) if n != 50]
        assert (await flow.hear())["count"] == 1


async def test_a_stage_goes_on_when_its_process_dies_with_a_new_this(
    settings: Settings, write: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    function = "function (event) { return (this.n = (this.n ?? 0) + 1) }"
    async with open_flow(settings, write(function)) as flow:
        await flow.feed("a", "b")
        assert await flow.take(2) == [1, 2]
        supervisor = flow.pipeline.running["work"].functions._runner.supervisor  # type: ignore[union-attr]
        os.kill(supervisor.hosts[0].pid, signal.SIGKILL)
        await flow.feed("c")
        assert await flow.take() == [1]
    assert "what they kept in 'this' is lost" in caplog.text


async def test_events_are_copies_for_every_stage(settings: Settings, tmp_path: Path) -> None:
    """What one function does to its event, another does not see."""
    path = tmp_path / "p.yaml"
    path.write_text(
        "pipeline:\n  in: {module: pass}\n"
        "  a: {module: js, inputs: [in], config: {function: !!js/function 'e => { e.by = 1; return e }'}}\n"
        "  b: {module: js, inputs: [in], config: {function: !!js/function 'e => [e.by, e.n]'}}\n"
        "  out: {module: pass, inputs: [a, b]}\n"
    )
    found = await through(settings, path, {"n": 1})
    assert sorted(found, key=str) == [[None, 1], {"n": 1, "by": 1}]


async def test_texts_with_half_characters_come_through(
    settings: Settings, write: Callable[..., Path]
) -> None:
    r"""A lone surrogate is JSON by the letter; what is no text becomes U+FFFD."""
    assert await through(settings, write(r"() => 'a\ud800b'"), 1) == ["a\ufffdb"]


async def test_events_larger_than_an_execution_may_take_are_told(
    settings: Settings, write: Callable[..., Path]
) -> None:
    async with open_flow(
        settings, write("(n) => 'x'.repeat(n).split('').map(() => 'yyyyyyyy')")
    ) as flow:
        await flow.feed(10_000_000, 1)
        assert await flow.take() == [["yyyyyyyy"]]
        assert (await flow.hear())["message"].startswith("work: ")


@pytest.mark.parametrize(
    ("function", "fault"),
    [
        ("function (a) {\n  return a +* 1\n}", f"p.yaml:{LINE + 1}:21: stage 'work': config.function: SyntaxError: Unexpected token '*'"),
        ("({ a: 1 })", f"p.yaml:{LINE}:9: stage 'work': config.function: it is no function"),
        ("missing.there", f"p.yaml:{LINE}:9: stage 'work': config.function: ReferenceError: missing is not defined"),
    ],
)  # fmt: skip
async def test_what_is_no_function_is_found_before_anything_starts(
    settings: Settings, write: Callable[..., Path], function: str, fault: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        async with open_flow(settings, write(function)):
            pass
    assert [str(one) for one in caught.value.faults] == [fault]
