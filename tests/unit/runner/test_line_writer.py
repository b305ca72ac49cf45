"""Lines on their way to a terminal, a file or a pipe that several processes write to."""

import io

import pytest

from runner.cli.terminal import LineWriter


class Pipe(io.StringIO):
    """Remembers what was written in one piece."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def write(self, text: str, /) -> int:
        self.pieces.append(text)
        return len(text)


@pytest.mark.parametrize("count", [1, 30, 500])
async def test_no_line_is_lost_or_torn_however_many_there_are(count: int) -> None:
    """All lines come out in their order, in pieces of whole lines that a pipe takes at once."""
    pipe = Pipe()
    writer = LineWriter(pipe)
    lines = [f"line {number} é" * 3 for number in range(count)]
    for line in lines:
        writer.write(line)
    writer.flush()

    assert "".join(pipe.pieces) == "".join(f"{line}\n" for line in lines)
    assert all(piece.endswith("\n") and len(piece.encode()) <= 4096 for piece in pipe.pieces)


async def test_a_line_that_is_longer_than_a_piece_comes_out_all_the_same() -> None:
    pipe = Pipe()
    writer = LineWriter(pipe)
    writer.write("a")
    writer.write("b" * 10_000)
    writer.write("c")
    writer.flush()
    assert "".join(pipe.pieces) == f"a\n{'b' * 10_000}\nc\n"
