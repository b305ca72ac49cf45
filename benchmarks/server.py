"""``isolane dev`` as a process of its own, with workers of ours, on a port that was free."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from benchmarks.client import Job, Took
from benchmarks.errors import BenchmarkError, WrongAnswerError
from benchmarks.processes import CpuMeter, is_host, tree_of
from benchmarks.report import CPU, HOSTS_CPU, P50, P99, RATE, RUNNER_CPU
from runner.config import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.report import Figures

_START_S = 30.0
_LISTENING = re.compile(r"^HTTP http://127\.0\.0\.1:(\d+)$", re.MULTILINE)


class Server:
    """The server; ``async with`` starts it.

    Parameters
    ----------
    workers
        Programs by name.
    settings
        Variables of its environment beside ours.

    """

    def __init__(self, workers: Mapping[str, str], settings: Mapping[str, str]) -> None:
        self._workers = workers
        self._settings = settings
        self._stack = contextlib.ExitStack()
        self._process: asyncio.subprocess.Process | None = None
        self._log = Path()
        self.port = 0

    async def __aenter__(self) -> Self:
        snapshots = load_settings().snapshot_dir.absolute()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "workers").mkdir()
        for name, source in self._workers.items():
            (folder / "workers" / f"{name}.js").write_text(source, encoding="utf-8")
        # What it says goes into a file, as with any service: a line for each request.
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "runner",
                "dev",
                "workers",
                "--port",
                "0",
                cwd=folder,
                env={**os.environ, **self._settings, "SNAPSHOT_DIR": f"{snapshots}"},
                stdout=log,
                stderr=log,
            )
        self.port = await self._wait_for_port()
        return self

    async def __aexit__(self, *error: object) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
                await process.wait()
        self._stack.close()

    def said(self) -> str:
        """Return what it has written so far."""
        return self._log.read_text("utf-8", errors="replace")

    async def measure(
        self, name: str, request: bytes, body: bytes, *, connections: int, seconds: float
    ) -> Figures:
        """Send it requests from another process.

        Raises
        ------
        WrongAnswerError
            An answer was not as it must be.

        """
        job = Job(
            port=self.port, request=request, body=body, connections=connections, seconds=seconds
        )
        return await self.do(name, job)

    async def do(self, name: str, job: Job) -> Figures:
        """Have a job done. Raises as :meth:`measure`."""
        assert self._process is not None
        runner, *children = tree_of(self._process.pid)
        hosts = [pid for pid in children if is_host(pid)]
        runner_meter, hosts_meter = CpuMeter([runner]), CpuMeter(hosts)
        took = await send_job(job)
        if took.wrong:
            raise WrongAnswerError(name, took.wrong)
        runner_us, hosts_us = runner_meter.us(), hosts_meter.us()
        return {
            RATE: took.requests / took.seconds,
            CPU: (runner_us + hosts_us) / took.requests,
            RUNNER_CPU: runner_us / took.requests,
            HOSTS_CPU: hosts_us / took.requests,
            P50: took.p50_ms,
            P99: took.p99_ms,
        }

    async def _wait_for_port(self) -> int:
        assert self._process is not None
        for _ in range(int(_START_S / 0.05)):
            said = self.said()
            if found := _LISTENING.search(said):
                return int(found[1])
            if self._process.returncode is not None:
                break
            await asyncio.sleep(0.05)
        raise BenchmarkError(f"isolane dev does not serve: {self.said()}")


async def send_job(job: Job) -> Took:
    """Have a client in a process of its own do the job."""
    client = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        "benchmarks.client",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await client.communicate(msgspec.json.encode(job))
    if client.returncode:
        raise BenchmarkError(f"the client failed with exit code {client.returncode}")
    return msgspec.json.decode(output, type=Took)
