"""One runner process as its supervisor sees it: started, watched, asked to end. Must not know the others."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from typing import TYPE_CHECKING, Final, NamedTuple

from runner.config import Address
from runner.ingress.server import bind
from runner.processes.handover import Handover

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LOOPBACK: Final = Address("127.0.0.1", 0)


class Addresses(NamedTuple):
    """What all processes share: where workers are asked, and the tasks server if it has an address."""

    http: Address
    tasks: Address | None = None


class RunnerProcess:
    """The process with one number, again and again."""

    def __init__(
        self,
        number: int,
        addresses: Addresses,
        environ: Mapping[str, str],
        changed: Callable[[], None],
    ) -> None:
        self.number = number
        self.starts = 0
        self.served = False
        """It has been so far that it serves, in this life or before."""
        self.serving = False
        self.control_url = ""
        self._addresses = addresses
        self._environ = dict(environ)
        self._changed = changed
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Return 0 when there is none."""
        return self._process.pid if self._process is not None else 0

    async def run(self) -> int:
        """Start it; return its exit code when it has ended, negative for a signal.

        Raises
        ------
        AddressError
            The address can not be had any more.
        OSError
            It can not be started.

        """
        self.starts += 1
        ours, theirs = socket.socketpair()
        with ours:
            # A new socket each time: what nobody accepts from gets no connections.
            address, tasks = self._addresses
            http = bind(address, shared=True)
            handover = Handover(
                self.number,
                http,
                bind(_LOOPBACK, shared=True),
                theirs,
                None if tasks is None else bind(tasks, shared=True),
            )
            self.control_url = f"http://{Address(*handover.control.getsockname()[:2])}"
            try:
                self._process = process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "runner", "serve", "--process", f"{handover}"),
                    env=self._environ,
                    pass_fds=handover.fds(),
                    # A terminal's Ctrl-C is the supervisor's alone: a second signal would end the process at once.
                    start_new_session=True,
                )
            finally:
                handover.close()
            ours.setblocking(False)
            hearing = asyncio.create_task(self._hear(ours), name=f"process {self.number}")
            try:
                return await process.wait()
            finally:
                hearing.cancel()
                await asyncio.wait([hearing])
                self._process = None
                self._serve(serving=False)

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _hear(self, line: socket.socket) -> None:
        if await asyncio.get_running_loop().sock_recv(line, 1):
            self.served = True
            self._serve(serving=True)

    def _serve(self, *, serving: bool) -> None:
        self.serving = serving
        self._changed()
