"""One isolate host: its process, its control socket, its lanes, and its end.

Must not know which executions go where, nor what replaces a host.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from typing import TYPE_CHECKING, Final

from pools.errors import ProtocolError
from pools.protocol import (
    Failed,
    FrameReader,
    FromHost,
    Heartbeat,
    HostConfig,
    LaneStats,
    Ready,
    encode_frame,
)
from runner.errors import HostStartError

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.lane_client import LaneClient
    from runner.spawn import HostProcess

_log = logging.getLogger(__name__)
_HEARTBEAT_S: Final = 5.0
_START_S: Final = 30.0
_MAX_LINE: Final = 500


class Host(asyncio.Protocol):
    """From a started process to its death. ``lost(host)`` is called once, when it can not be used any more."""

    def __init__(self, name: str, process: HostProcess, lost: Callable[[Host], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._process = process
        self._lost = lost
        self._reader: FrameReader[Ready | Heartbeat | Failed] = FrameReader(FromHost)
        self._transport: asyncio.Transport | None = None
        self._ready: asyncio.Future[Ready] = self._loop.create_future()
        self._exited = asyncio.Event()
        self._heard = self._loop.time()
        self._stderr_tail = ""
        self.name = name
        self.pid = process.pid
        self.lanes: list[LaneClient] = []
        self.ended: str | None = None
        """Why it is no longer used."""
        self.rss_bytes = 0
        self.stats: list[LaneStats] = []

    # --- opening --------------------------------------------------------------------------------------------------

    async def open(self, config: HostConfig, lane: Callable[[str, Host], LaneClient]) -> Ready:
        """Configure the process and wait until it serves; ``lane(name, host)`` makes a lane's end.

        Raises
        ------
        HostStartError
            It can not serve.

        """
        process = self._process
        self._loop.add_reader(process.pidfd, self._exit)
        self._loop.add_reader(process.stderr, self._read_stderr)
        self._transport, _ = await self._loop.create_connection(lambda: self, sock=process.control)
        for number, sock in enumerate(process.lanes):
            client = lane(f"{self.name}.{number}", self)
            await self._loop.create_connection(lambda client=client: client, sock=sock)  # type: ignore[misc]
            self.lanes.append(client)
        self._transport.write(encode_frame(config))
        try:
            return await asyncio.wait_for(self._ready, _START_S)
        except TimeoutError:
            reason = f"no answer within {_START_S:.0f} s"
        except HostStartError as error:
            self.end(error.reason)
            raise
        self.end(reason)
        raise HostStartError(reason)

    # --- the control socket ---------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        try:
            for message in self._reader.feed(data):
                match message:
                    case Ready():
                        if not self._ready.done():
                            self._ready.set_result(message)
                    case Failed():
                        self._fail(message.reason)
                    case Heartbeat():
                        self.rss_bytes, self.stats = message.rss_bytes, message.lanes
        except ProtocolError as error:
            self.end(f"it broke the protocol: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.end("it closed its control socket")

    def _fail(self, reason: str) -> None:
        if self._ready.done():
            self.end(reason)
        else:
            self._ready.set_exception(HostStartError(reason))

    # --- watching -------------------------------------------------------------------------------------------------

    def check(self, now: float) -> None:
        """End the host when it hangs: no heartbeat, or an execution that outlived all its limits."""
        if self.ended is not None or not self._ready.done():
            return
        if now - self._heard > _HEARTBEAT_S:
            self.end(f"no heartbeat for {_HEARTBEAT_S:.0f} s")
            return
        for lane in self.lanes:
            if (execution := lane.overdue(now)) is not None:
                self.end(
                    f"lane {lane.name} does not come back from an execution of worker {execution.deployment.name!r}"
                )
                return

    def end(self, reason: str) -> None:
        """Kill the process. Its executions end as lost with their host."""
        if self.ended is not None:
            return
        self.ended = reason
        self._kill()
        if self._transport is not None:
            self._transport.abort()
        for lane in self.lanes:
            lane.close()
        if not self._ready.done():
            self._ready.set_exception(HostStartError(self._last_words(reason)))
            self._ready.exception()
        self._lost(self)

    async def close(self, grace_s: float = 1.0) -> None:
        """End the process in an orderly way: its sockets close, and it leaves."""
        if self.ended is None:
            self.ended = "closed"
            if self._transport is not None:
                self._transport.close()
            for lane in self.lanes:
                lane.close()
        try:
            await asyncio.wait_for(self._exited.wait(), grace_s)
        except TimeoutError:
            self._kill()
            await self._exited.wait()

    def _kill(self) -> None:
        if not self._exited.is_set():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._process.pidfd, signal.SIGKILL)

    def _exit(self) -> None:
        """The process is gone: collect it."""
        self._loop.remove_reader(self._process.pidfd)
        self._read_stderr()
        self._loop.remove_reader(self._process.stderr)
        try:
            _, status = os.waitpid(self.pid, 0)
        except ChildProcessError:
            status = 0
        os.close(self._process.pidfd)
        os.close(self._process.stderr)
        self._exited.set()
        code = os.waitstatus_to_exitcode(status)
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        if self.ended is None:
            self.end(how)
        if self.ended != "closed":
            _log.error(
                "isolate host %s (pid %d) ended: %s (%s)", self.name, self.pid, self.ended, how
            )

    def _read_stderr(self) -> None:
        while not self._exited.is_set():
            try:
                data = os.read(self._process.stderr, 1 << 16)
            except (BlockingIOError, OSError):
                return
            if not data:
                self._loop.remove_reader(self._process.stderr)
                return
            for line in data.decode(errors="backslashreplace").splitlines():
                if line.strip():
                    # Whoever took over a host must not write to the operator's terminal.
                    shown = "".join(c if c.isprintable() else "?" for c in line[:_MAX_LINE])
                    self._stderr_tail = shown
                    _log.warning("isolate host %s (pid %d): %s", self.name, self.pid, shown)

    def _last_words(self, reason: str) -> str:
        self._read_stderr()
        return f"{reason}; its last words: {self._stderr_tail}" if self._stderr_tail else reason
