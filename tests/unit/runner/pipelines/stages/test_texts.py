"""lines, json-in, json-out, yaml-in and yaml-out."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from runner.pipelines.stages.json_in import JsonIn
from runner.pipelines.stages.json_out import JsonOut
from runner.pipelines.stages.lines import Lines
from runner.pipelines.stages.yaml_in import YamlIn
from runner.pipelines.stages.yaml_out import YamlOut
from tests.unit.runner.pipelines.stages.stage_bench import Bench


async def test_lines_may_come_in_pieces_and_empty_ones_are_left_out() -> None:
    bench = Bench(Lines, {})
    assert await bench.feed("a\n\nb", "c\r\nd") == ["a", "bc"]
    assert await bench.end() == ["d"]
    assert bench.context.counts == {"lines_in": 4}


async def test_lines_of_whole_texts_end_with_them() -> None:
    bench = Bench(Lines, {"stream": False})
    assert await bench.feed("a\nb", "c") == ["a", "b", "c"]


async def test_a_line_that_is_cut_is_reported() -> None:
    bench = Bench(Lines, {"maxSize": 3})
    assert await bench.feed("abcdef\nx\n") == ["abc", "x"]
    assert bench.errors == ["Error: a line has more than maxSize: 3 bytes, and is cut: 'abc'"]


async def test_json_in_takes_documents_and_lines() -> None:
    bench = Bench(JsonIn, {})
    assert await bench.feed('{\n "a": 1\n}', '{"b":2}\n{"c":3}\n', "[4]") == [
        {"a": 1},
        {"b": 2},
        {"c": 3},
        [4],
    ]


async def test_a_broken_line_of_json_is_reported_and_the_next_is_read() -> None:
    bench = Bench(JsonIn, {})
    assert await bench.feed('{"a":\n{"b":2}', "{}") == [{"b": 2}, {}]
    assert bench.errors == [
        "SyntaxError: the text ends in the middle of a value: '{\"a\":'; if texts are pieces of one, as those of file-in, say stream: true"
    ]


async def test_json_in_reads_values_over_many_texts() -> None:
    bench = Bench(JsonIn, {"stream": True})
    assert await bench.feed('{"a": "', 'x"} {"b"', ":2}\n3", "4") == [{"a": "x"}, {"b": 2}]
    assert await bench.end() == [34]


async def test_json_out_writes_lines_that_json_in_reads() -> None:
    events = [{"ü": [1, None, "\n"]}, "text", 1.5, None]
    out = Bench(JsonOut, {})
    texts = await out.feed(*events)
    assert texts[0] == '{"ü":[1,null,"\\n"]}\n'
    assert await Bench(JsonIn, {}).feed("".join(texts)) == events


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"delimiter": ""}, '{"i":[42]}'),
        ({"indent": 2, "delimiter": ","}, '{\n  "i": [\n    42\n  ]\n},'),
        ({"indent": "\t"}, '{\n\t"i": [\n\t\t42\n\t]\n}\n'),
    ],
)
async def test_json_out_writes_as_asked(config: dict[str, Any], text: str) -> None:
    assert await Bench(JsonOut, config).feed({"i": [42]}) == [text]


async def test_yaml_goes_out_and_in() -> None:
    events = [{"a": 42, "b": True, "c": None, "d": ["1", 2]}, [], "no"]
    texts = await Bench(YamlOut, {}).feed(*events)
    assert texts[0] == "---\na: 42\nb: true\nc: null\nd:\n- '1'\n- 2\n"
    assert await Bench(YamlIn, {}).feed("".join(texts), "x: 1") == [*events, {"x": 1}]


async def test_yaml_in_reads_documents_over_many_texts() -> None:
    bench = Bench(YamlIn, {"stream": True})
    assert await bench.feed("a: 1\n-", "--\nb: [2,", "3]\n") == [{"a": 1}]
    assert await bench.end() == [{"b": [2, 3]}]


async def test_a_broken_document_is_reported_and_the_next_is_read() -> None:
    bench = Bench(YamlIn, {})
    assert await bench.feed("a: [\n---\nb: 1\n") == [{"b": 1}]
    assert len(bench.errors) == 1
    assert bench.errors[0].startswith("SyntaxError: while parsing")


async def test_a_document_without_end_is_reported_and_the_next_is_read() -> None:
    bench = Bench(YamlIn, {"stream": True, "maxSize": 10})
    assert await bench.feed("a: " + "x" * 20, "\n---\nb: 1\n") == []
    assert await bench.end() == [{"b": 1}]
    assert bench.errors == ["SyntaxError: a document has more than 10 characters"]


async def test_what_has_no_json_is_reported() -> None:
    bench = Bench(JsonOut, {})
    assert await bench.feed({"a": float("nan")}, 1) == ["1\n"]
    assert bench.errors[0].startswith("TypeError: Out of range float values")


@pytest.mark.parametrize("stage", [Lines, JsonIn, YamlIn])
async def test_what_is_no_text_is_reported(stage: type[Lines | JsonIn | YamlIn]) -> None:
    bench = Bench(stage, {})
    assert await bench.feed({"a": 1}) == []
    assert bench.errors[0].startswith("TypeError: the event is an object and no text: ")


@pytest.mark.parametrize(
    ("stage", "config"),
    [
        (JsonOut, {"indent": 11}),
        (JsonOut, {"indent": "--"}),
        (JsonOut, {"delimiter": 1}),
        (YamlOut, {"indent": 1}),
        (JsonIn, {"maxSize": 0}),
        (JsonIn, {"stream": "yes"}),
        (Lines, {"maxSize": "64k"}),
    ],
)
def test_a_config_that_means_nothing_is_refused(stage: Any, config: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        Bench(stage, config)
