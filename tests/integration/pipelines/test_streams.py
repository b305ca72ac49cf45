"""Standard streams of ``isolane pipeline run``, as in a shell's pipe."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.conftest import Cli

DOCUMENT = """
pipeline:
  stdin: {}
  json-in:
    inputs: [stdin]
  rename:
    inputs: [json-in]
    config: {fields: {a: b}}
  json-out:
    inputs: [rename]
  stdout:
    inputs: [json-out]
"""


@pytest.fixture
def begin(cli: Cli) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def begin(*options: str) -> subprocess.Popen[bytes]:
        path: Path = cli.write("pipeline.yaml", DOCUMENT)
        pipe = subprocess.PIPE
        started.append(
            subprocess.Popen(
                cli.command("pipeline", "run", *options, path),
                cwd=cli.folder,
                env=cli.environ | {"WORKER_POOL_SIZE": "1"},
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
            )
        )
        return started[-1]

    yield begin
    for one in started:
        if one.poll() is None:
            one.kill()
        one.communicate(timeout=30)


def test_what_comes_in_goes_out_in_its_order(begin: Callable[..., subprocess.Popen[bytes]]) -> None:
    """More than any pipe or channel holds; the process ends with its input."""
    lines = b"".join(b'{"a":%d}\n' % number for number in range(30_000))
    out, err = begin().communicate(lines + b'{"a":"last"}', timeout=50)
    assert err == b""
    assert out == lines.replace(b"a", b"b") + b'{"b":"last"}\n'


def test_an_event_does_not_wait_for_the_next(begin: Callable[..., subprocess.Popen[bytes]]) -> None:
    """And a process whose input stays open ends when it is told to."""
    process = begin()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b'{"a":1}\n')
    process.stdin.flush()
    assert json.loads(process.stdout.readline()) == {"b": 1}
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def test_when_nobody_reads_any_more_the_pipeline_ends(
    begin: Callable[..., subprocess.Popen[bytes]],
) -> None:
    """As with ``| head``: though its input would go on for ever."""
    process = begin()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b'{"a":1}\n' * 100)
    process.stdin.flush()
    process.stdout.readline()
    process.stdout.close()
    with pytest.raises(BrokenPipeError):
        while True:
            process.stdin.write(b'{"a":1}\n' * 100)
    assert process.wait(30) == 0
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    process.stdin = process.stdout = None


def test_a_reader_that_stands_still_does_not_keep_the_process_from_ending(
    begin: Callable[..., subprocess.Popen[bytes]],
) -> None:
    """It ends after the time that stages are given for that, with the exit code that says so."""
    process = begin("--timeout", "0.5")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b'{"a":1}\n')
    process.stdin.flush()
    assert json.loads(process.stdout.readline()) == {"b": 1}
    os.set_blocking(process.stdin.fileno(), False)
    written = 0
    while True:
        # All that is between the two pipes is full when nothing is taken any more.
        _, ready, _ = select.select([], [process.stdin], [], 5)
        if not ready:
            break
        written += os.write(process.stdin.fileno(), b'{"a":1}\n' * 512)
        assert written < 2 << 20
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 2
