"""YAML with JavaScript in it becomes a tree that knows its places."""

from __future__ import annotations

import pytest

from runner.pipelines.errors import DocumentError
from runner.pipelines.stage import JsFunction
from runner.pipelines.tree import FunctionText
from runner.pipelines.yaml_text import read_tree


def function(text: str, key: str = "f") -> FunctionText:
    node = read_tree("a.yaml", text).child(key)
    assert node is not None
    assert isinstance(node.value, FunctionText)
    return node.value


def test_scalars_are_those_of_yaml_1_2() -> None:
    """What YAML 1.1 makes of ``yes``, ``12:30`` and dates stays text."""
    tree = read_tree(
        "a.yaml",
        "[yes, on, 12:30, 2026-11-22, 012, 0x10, 0o10, 1.5, -2, 1e3, ~, '', '1', true, !!str 1]",
    )
    assert tree.plain() == [
        "yes", "on", "12:30", "2026-11-22", 12, 16, 8, 1.5, -2, 1000.0, None, "", "1", True, "1",
    ]  # fmt: skip


def test_numbers_too_long_for_integers_are_rounded() -> None:
    assert read_tree("a.yaml", "9" * 30).plain() == 1e30


def test_anchors_and_merges_work() -> None:
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [*a, {z: 4}]}"
    assert read_tree("a.yaml", text).plain() == {
        "a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}, "c": {"x": 1, "y": 2, "z": 4},
    }  # fmt: skip


def test_a_function_is_a_name_and_no_text() -> None:
    tree = read_tree("a.yaml", "a: [!!js/function '() => 1', {b: !!js/function x => x}]")
    assert tree.plain() == {"a": [JsFunction("a.0"), {"b": JsFunction("a.1.b")}]}
    assert {key: text.text for key, text in tree.functions()} == {
        "a.0": "() => 1",
        "a.1.b": "x => x",
    }


def test_lines_of_a_literal_block_are_found_again() -> None:
    found = function("f: !!js/function |\n    function () {\n\n      return 1\n    }\ng: 1\n")
    assert [found.at(line, 1) for line in (1, 3, 4)] == [(2, 5), (4, 5), (5, 5)]
    assert found.at(3, 3) == (4, 7)


def test_lines_that_folding_joins_are_found_at_the_first_of_them() -> None:
    found = function("f: !!js/function >-\n  () =>\n  1\n\n  + 2\n    + 3\ng: 1\n")
    assert found.text == "() => 1\n+ 2\n  + 3"
    assert [found.at(line, 1)[0] for line in (1, 2, 3)] == [2, 5, 6]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("f: !!js/function x => x", (1, 18)),
        ("f: !!js/function 'x => x'", (1, 19)),
        ("f:\n  !!js/function\n  x => x", (3, 3)),
        ("f: !!js/function > # folded\n  x => x", (2, 3)),
    ],
)
def test_a_function_may_stand_behind_its_key(text: str, place: tuple[int, int]) -> None:
    assert function(text).at(1, 1) == place


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "a.yaml:3:1: 'a' is there twice; first in line 1"),
        ("a: [1", "a.yaml:1:6: this is no YAML: while parsing a flow sequence: expected ',' or ']', but got '<stream end>'"),
        ("a: !!js/regexp /a/", "a.yaml:1:4: there is no tag !!js/regexp here; of tags there is !!js/function alone"),
        ("a: !!python/object:os.system x", "a.yaml:1:4: there is no tag !!python/object:os.system here; of tags there is !!js/function alone"),
        ("a: 1\n- \x01", "a.yaml:2:3: this is no YAML: the character U+0001 is not allowed"),
        ("# nothing", "a.yaml:1:1: the document is empty"),
        ("a: *x", "a.yaml:1:4: this is no YAML: found undefined alias 'x'"),
        ("? [a]\n: 1", "a.yaml:1:3: a key must be a text"),
        ("a: &a [*a]", "a.yaml:1:1: the document is nested too deeply"),
        ("[" * 5000, "a.yaml:1:1: the document is nested too deeply"),
        ("a: .nan", "a.yaml:1:4: .nan is no number that an event can have"),
        ("a: 1e999", "a.yaml:1:4: 1e999 is too large for a number"),
        ("a: {<<: 3}", "a.yaml:1:9: what << merges must be a mapping"),
        ("a: !!js/function ''", "a.yaml:1:4: there is no function after !!js/function"),
        ("a: !!js/function [1]", "a.yaml:1:4: a !!js/function must be a text"),
        ("\ta: 1", "a.yaml:1:1: this is no YAML: while scanning for the next token: found character '\\t' that cannot start any token"),
        (f"a: {'x' * (4 << 20)}", "a.yaml:1:1: the document has more than 4 MiB"),
    ],
)  # fmt: skip
def test_what_is_no_document_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read_tree("a.yaml", text)
    assert str(caught.value) == message


def test_aliases_can_not_make_a_small_document_large() -> None:
    """A billion laughs end at a hundred thousand."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(DocumentError, match="more than 100000 values"):
        read_tree("a.yaml", "\n".join(lines))
