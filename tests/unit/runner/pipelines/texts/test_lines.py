"""Lines of a text that comes in pieces."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from runner.pipelines.texts.lines import Line, LineSplitter


def lines(pieces: list[str], max_bytes: int = 1000) -> list[Line]:
    splitter = LineSplitter(max_bytes)
    found = [line for piece in pieces for line in splitter.feed(piece)]
    return found + splitter.finish()


def test_a_line_may_come_in_pieces_and_the_last_needs_no_end() -> None:
    found = lines(["a\nb", "b\r", "\n\nlast"])
    assert found == [Line("a", False), Line("bb", False), Line("", False), Line("last", False)]


def test_a_line_that_is_too_long_is_cut_between_characters() -> None:
    assert lines(["aé€x\nb\n"], 4) == [Line("aé", True), Line("b", False)]


def test_of_a_line_without_end_no_more_is_kept_than_allowed() -> None:
    splitter = LineSplitter(10)
    for _ in range(1000):
        assert splitter.feed("x" * 100) == []
    assert len(splitter._rest) <= 11
    assert splitter.feed("\n") == [Line("x" * 10, True)]


@given(st.text(alphabet="ab\r\n€"), st.lists(st.integers(0, 30)))
def test_lines_do_not_depend_on_the_pieces(text: str, cuts: list[int]) -> None:
    """However a text is cut into pieces, its lines are the same."""
    bounds = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[start:end] for start, end in pairwise(bounds)]
    assert lines(pieces) == lines([text])
    assert "\n".join(line.text for line in lines(pieces)) == "\n".join(
        line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")
    ) or text in {"", "\n"}
