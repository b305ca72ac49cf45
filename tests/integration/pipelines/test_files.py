"""Stages on real files and pipes."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from runner.pipelines.errors import StageStartError
from runner.pipelines.stages.file_in import FileIn
from runner.pipelines.stages.file_out import FileOut
from runner.pipelines.stages.stdin import Stdin
from runner.pipelines.stages.stdout import Stdout
from tests.unit.runner.pipelines.stages.stage_bench import Bench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    kept = [os.fstat(end) for end in ends]
    yield ends
    for end, was in zip(ends, kept, strict=True):
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(end), was):
                os.close(end)


class TestFileIn:
    async def test_files_are_read_one_after_the_other(self, tmp_path: Path) -> None:
        """Where the last line of one has no end, it gets one before the next begins."""
        (tmp_path / "b.log").write_text("b1\nb2")
        (tmp_path / "a.log").write_text("a1\na2")
        (tmp_path / "sub.log").mkdir()
        bench = Bench(FileIn, {"globs": ["*.log"]}, tmp_path)
        assert "".join(await bench.run()) == "a1\na2\nb1\nb2"
        assert bench.context.counts == {"bytes_in": 10}

    async def test_characters_and_marks_at_the_border_of_pieces_stay_whole(
        self, tmp_path: Path
    ) -> None:
        text = "é" * 3000
        (tmp_path / "a").write_text(text, encoding="utf-8-sig")
        bench = Bench(FileIn, {"path": "a", "chunkSize": 1024}, tmp_path)
        pieces = await bench.run()
        assert len(pieces) > 1
        assert "".join(pieces) == text

    async def test_a_text_ends_with_a_line_but_for_long_ones(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("x" * 1500 + "\n" + "yy\n" * 1000 + "z" * 2000)
        (tmp_path / "b").write_text("b")
        bench = Bench(FileIn, {"path": ["a", "b"], "chunkSize": 1024}, tmp_path)
        texts = await bench.run()
        assert "".join(texts) == (tmp_path / "a").read_text() + "\nb"
        assert [text for text in texts if text.startswith("y")]
        assert all(text.endswith("\n") for text in texts if text.startswith("y"))
        assert max(map(len, texts)) <= 2048

    async def test_other_encodings_are_read(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes("é".encode("latin-1"))
        assert await Bench(FileIn, {"path": "a", "encoding": "latin1"}, tmp_path).run() == ["é"]
        assert await Bench(FileIn, {"path": "a"}, tmp_path).run() == ["\ufffd"]

    async def test_each_file_may_be_one_text(self, tmp_path: Path) -> None:
        for name, size in {"a": 3, "b": 5, "c": 2}.items():
            (tmp_path / name).write_text(name * size)
        bench = Bench(FileIn, {"path": ["c", "b", "a"], "whole": True, "maxSize": 4}, tmp_path)
        assert await bench.run() == ["cc", "aaa"]
        assert bench.errors == [f"Error: {tmp_path / 'b'} has more than maxSize: 4 bytes"]

    async def test_an_absolute_path_may_lead_anywhere(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("x")
        (tmp_path / "folder").mkdir()
        bench = Bench(FileIn, {"path": str(tmp_path / "a")}, tmp_path / "folder")
        assert await bench.run() == ["x"]
        bench = Bench(FileIn, {"globs": [f"{tmp_path}/**/a"]}, tmp_path / "folder")
        assert await bench.run() == ["x"]

    async def test_a_file_that_vanishes_is_reported_and_the_next_is_read(
        self, tmp_path: Path
    ) -> None:
        for name in "ab":
            (tmp_path / name).write_text(name)
        bench = Bench(FileIn, {"path": ["a", "b"]}, tmp_path)
        await bench.stage.start()
        (tmp_path / "a").unlink()
        await bench.stage.run(bench.emit)
        assert bench.emitted == ["b"]
        assert bench.errors == [f"OSError: {tmp_path / 'a'}: No such file or directory"]

    async def test_it_ends_when_the_pipeline_shall(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("x" * 10_000)
        bench = Bench(FileIn, {"path": "a", "chunkSize": 1024}, tmp_path)
        await bench.stage.start()

        async def emit(event: Any) -> None:
            bench.emitted.append(event)
            bench.context.stopping.set()

        await bench.stage.run(emit)
        assert len(bench.emitted) == 1

    async def test_a_file_that_is_not_there_stops_the_start_and_a_glob_does_not(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with pytest.raises(StageStartError, match="none: No such file"):
            await Bench(FileIn, {"path": "none"}, tmp_path).run()
        assert await Bench(FileIn, {"globs": ["*.none"]}, tmp_path).run() == []
        assert "no file is like *.none" in caplog.text

    async def test_what_may_have_no_end_is_refused(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        for path in ("pipe", "/dev/zero", "."):
            with pytest.raises(StageStartError, match="this is no file"):
                await Bench(FileIn, {"path": path}, tmp_path).run()


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({}, "path, globs or both"),
        ({"path": "../secret"}, "leaves the folder"),
        ({"path": "a/../../b"}, "leaves the folder"),
        ({"globs": ["*/../../b"]}, "leaves the folder"),
        ({"path": "~/a"}, "absolute path"),
        ({"path": ""}, "is no path"),
        ({"path": "a\0b"}, "is no path"),
        ({"path": []}, "length >= 1"),
        ({"path": "a", "encoding": "utf-99"}, "no 'utf-99'"),
        ({"path": "a", "encoding": "base64"}, "no 'base64'"),
        ({"path": "a", "chunkSize": 1}, ">= 1024"),
    ],
)
def test_a_config_that_means_nothing_is_refused(config: dict[str, Any], why: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=why):
        Bench(FileIn, config)


class TestFileOut:
    async def write(self, folder: Path, *texts: Any, **config: Any) -> Bench:
        bench = Bench(FileOut, {"path": "out", **config}, folder)
        await bench.stage.start()
        if texts:
            await bench.feed(*texts)
        await bench.end()
        await bench.stage.stop()
        return bench

    async def test_a_file_is_written_over_or_goes_on(self, tmp_path: Path) -> None:
        path = tmp_path / "out"
        bench = await self.write(tmp_path, "é\n", "b\n")
        assert path.read_bytes() == "é\nb\n".encode()
        assert bench.context.counts == {"bytes_out": 5, "lines_out": 2}
        await self.write(tmp_path, "c\n", append=True, encoding="latin-1")
        assert path.read_bytes() == "é\nb\nc\n".encode()
        await self.write(tmp_path, "d")
        assert path.read_text() == "d"
        await self.write(tmp_path)
        assert path.read_text() == ""

    async def test_a_pipeline_that_does_not_start_empties_no_file(self, tmp_path: Path) -> None:
        (tmp_path / "out").write_text("precious")
        bench = Bench(FileOut, {"path": "out"}, tmp_path)
        await bench.stage.start()
        await bench.stage.stop()
        assert (tmp_path / "out").read_text() == "precious"

    async def test_what_is_no_text_is_reported(self, tmp_path: Path) -> None:
        bench = await self.write(tmp_path, {"a": 1}, "b")
        assert (tmp_path / "out").read_text() == "b"
        assert bench.errors == [
            "TypeError: the event is an object and no text: let json-out or yaml-out make it one"
        ]

    async def test_a_place_that_can_not_be_written_stops_the_start(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        for path, why in {
            "none/out": "No such file",
            "pipe": "this is a pipe",
            ".": "Is a directory",
        }.items():
            with pytest.raises(StageStartError, match=why):
                await self.write(tmp_path, path=path)

    async def test_a_full_disk_is_reported(self, tmp_path: Path) -> None:
        bench = await self.write(tmp_path, "x", path="/dev/full")
        assert bench.errors == [
            "OSError: /dev/full: No space left on device: 1 texts may not be in it"
        ]


def stdin_of(number: int, **config: Any) -> Bench:
    class FromPipe(Stdin):
        pass

    FromPipe.number = number
    return Bench(FromPipe, config)


def stdout_of(number: int) -> Bench:
    class ToPipe(Stdout):
        pass

    ToPipe.number = number
    return Bench(ToPipe, {})


class TestStandardStreams:
    async def test_stdin_emits_lines(self, pipe: tuple[int, int]) -> None:
        out, into = pipe
        os.write(into, "a\r\né\n\nlast".encode())
        os.close(into)
        assert await stdin_of(out).run() == ["a", "é", "", "last"]

    async def test_a_line_that_is_too_long_is_cut_and_reported(self, pipe: tuple[int, int]) -> None:
        out, into = pipe
        os.write(into, b"abcdef\ng\n")
        os.close(into)
        bench = stdin_of(out, maxSize=3)
        assert await bench.run() == ["abc", "g"]
        assert bench.errors == ["Error: a line has more than maxSize: 3 bytes, and is cut: 'abc'"]

    async def test_stdin_emits_pieces_when_asked(self, pipe: tuple[int, int]) -> None:
        out, into = pipe
        os.write(into, b"a\nb")
        os.close(into)
        assert await stdin_of(out, lines=False).run() == ["a\nb"]

    async def test_stdin_ends_while_it_waits(self, pipe: tuple[int, int]) -> None:
        """Nobody writes, nobody closes; and the descriptor stays blocking for all who share it."""
        out, _ = pipe
        bench = stdin_of(out)
        async with asyncio.timeout(30):
            running = asyncio.create_task(bench.run())
            await asyncio.sleep(0)
            bench.context.stopping.set()
            assert await running == []
            running = asyncio.create_task(stdin_of(out).run())
            await asyncio.sleep(0)
            running.cancel()
            await asyncio.wait([running])
        assert running.cancelled()
        assert os.get_blocking(out)

    async def test_stdin_may_outlive_its_input(self, pipe: tuple[int, int]) -> None:
        out, into = pipe
        os.close(into)
        bench = stdin_of(out, stopOnEOF=False)
        running = asyncio.create_task(bench.run())
        async with asyncio.timeout(30):
            await asyncio.wait([running], timeout=0.05)
            assert not running.done()
            bench.context.stopping.set()
            await running

    async def test_stdin_reads_no_faster_than_its_events_are_taken(
        self, pipe: tuple[int, int]
    ) -> None:
        """Whoever writes finds the pipe full, since nothing is kept here."""
        out, into = pipe
        os.set_blocking(into, False)
        bench = stdin_of(out)
        reached, go_on = asyncio.Event(), asyncio.Event()

        async def emit(event: Any) -> None:
            reached.set()
            await go_on.wait()

        os.write(into, b"x\n" * 100)
        async with asyncio.timeout(30):
            running = asyncio.create_task(bench.stage.run(emit))
            await reached.wait()
            written = 0
            with pytest.raises(BlockingIOError):
                while True:
                    written += os.write(into, b"y\n" * 2048)
            assert written <= 1 << 20
            bench.context.stopping.set()
            go_on.set()
            await running

    async def test_stdout_writes_texts_while_they_are_read(self, pipe: tuple[int, int]) -> None:
        """Many times what a pipe holds."""
        out, into = pipe
        bench = stdout_of(into)
        await bench.stage.start()
        text = "é" * 100_000 + "\n"

        def read() -> int:
            count = 0
            while count < 4 * (len(text) + 100_000):
                count += len(os.read(out, 65536))
            return count

        async with asyncio.timeout(30):
            _, count = await asyncio.gather(
                bench.feed(text, text, {"a": 1}, text, text), asyncio.to_thread(read)
            )
        assert count == 4 * (len(text) + 100_000) == bench.context.counts["bytes_out"]
        assert len(bench.errors) == 1
        await bench.stage.stop()

    async def test_when_nobody_reads_any_more_inputs_end(self, pipe: tuple[int, int]) -> None:
        out, into = pipe
        os.close(out)
        bench = stdout_of(into)
        await bench.stage.start()
        await bench.feed("a")
        assert bench.context.stopping.is_set()
        assert await bench.feed("b") == []
        await bench.stage.stop()

    async def test_a_write_that_waits_can_be_cut_short(self, pipe: tuple[int, int]) -> None:
        _, into = pipe
        bench = stdout_of(into)
        await bench.stage.start()
        writing = asyncio.create_task(bench.feed("x" * (4 << 20)))
        await asyncio.wait([writing], timeout=0.05)
        writing.cancel()
        async with asyncio.timeout(30):
            await asyncio.wait([writing])
        assert writing.cancelled()
        await bench.stage.stop()
