"""A PostgreSQL server that can be crashed, and comes back at the same address."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from runner.embedded import launcher

if TYPE_CHECKING:
    from runner.embedded.service import Service

UP_WITHIN_S = 20.0
STEP_S = 0.05


class Server:
    """Takes over a server that runs."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.url = service.url
        self._pid = service.process.pid
        folder = Path(f"/proc/{self._pid}")
        self._command = folder.joinpath("cmdline").read_text().rstrip("\0").split("\0")
        self._uid = folder.stat().st_uid
        self._log = service.log
        self._again: subprocess.Popen[bytes] | None = None

    async def crash_one(self) -> float:
        """Kill one of its processes: it throws everybody out and recovers. Return when it is back, by `time.time()`."""
        children = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text().split()
        writer = next(int(pid) for pid in children if "background writer" in _title(pid))
        os.kill(writer, signal.SIGKILL)
        await self._gone(writer)
        return await self.up()

    async def crash(self, down_s: float) -> float:
        """Kill it as a whole, and start it again after a while; return when it is back."""
        os.kill(self._pid, signal.SIGKILL)
        # The new one believes a process that is a zombie to be alive.
        if self._again is None:
            await self._service.process.wait()
        else:
            self._again.wait()
        await asyncio.sleep(down_s)
        deadline = time.monotonic() + UP_WITHIN_S
        while True:
            # Until what is left of the old one has noticed, the new one refuses.
            self._again = self._start()
            self._pid = self._again.pid
            try:
                return await self.up()
            except ChildProcessError:
                assert time.monotonic() < deadline, "the server does not start again"

    def _start(self) -> subprocess.Popen[bytes]:
        launching = [sys.executable, "-I", "-S", launcher.__file__, str(os.getpid())]
        how = [str(int(signal.SIGINT)), str(self._uid)]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [*launching, *how, *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"LC_ALL": "C"},
                cwd="/",
                start_new_session=True,
            )

    async def up(self) -> float:
        """Wait until it lets us in."""
        deadline = time.monotonic() + UP_WITHIN_S
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self.url, connect_timeout=2):
                    return time.time()
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, "the server does not come back"
                if self._again is not None and self._again.poll() is not None:
                    raise ChildProcessError from None
                await asyncio.sleep(STEP_S)

    def stop(self) -> None:
        if self._again is not None and self._again.poll() is None:
            self._again.send_signal(signal.SIGINT)
            self._again.wait(20)

    async def _gone(self, pid: int) -> None:
        while Path(f"/proc/{pid}").exists():
            await asyncio.sleep(STEP_S)


def _title(pid: str) -> str:
    """Return what a process calls itself; nothing when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except FileNotFoundError:
        return ""
