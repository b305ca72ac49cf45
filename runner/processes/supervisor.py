"""Keeps runner processes alive: one that ends is started again, at once and then ever more slowly. Must not know what they do."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import TYPE_CHECKING, Final

from runner.errors import AddressError
from runner.processes.process import RunnerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from runner.processes.process import Addresses

_log = logging.getLogger(__name__)
_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 30.0
_WELL_S: Final = 30.0
"""Who has lived so long is started at once when it ends."""
_MARGIN_S: Final = 20.0
"""What an end takes beyond the drain, at most, when the database and NATS say nothing."""


class Processes:
    """Runner processes on the same addresses, each with its own environment."""

    def __init__(
        self, addresses: Addresses, environs: Sequence[Mapping[str, str]], drain_timeout_ms: int
    ) -> None:
        self.ending = False
        self.on_change: Callable[[], None] = lambda: None
        """Called when one begins to serve, or no longer does."""
        self.all = tuple(
            RunnerProcess(number, addresses, environ, self._change)
            for number, environ in enumerate(environs, 1)
        )
        self._stop_within_s = drain_timeout_ms / 1000 + _MARGIN_S
        self._code = 0

    def serving(self) -> list[RunnerProcess]:
        return [process for process in self.all if process.serving]

    async def run(self, asked: Coroutine[object, object, None]) -> int:
        """Keep all alive until ``asked`` is done, then end them; return the exit code of the whole.

        It is not 0 when one ended before any has served: what is wrong then is wrong for all.
        """
        keeping = [
            asyncio.create_task(self._keep(process), name=f"keep process {process.number}")
            for process in self.all
        ]
        asking = asyncio.create_task(asked, name="asked to end")
        try:
            await asyncio.wait({asking, *keeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asking.cancel()
            await self._end(keeping)
        for task in keeping:
            if not task.cancelled():
                task.result()
        return self._code

    async def _keep(self, process: RunnerProcess) -> None:
        """Return when the whole is to end."""
        loop = asyncio.get_running_loop()
        wait_s = _FIRST_WAIT_S
        while True:
            began = loop.time()
            try:
                code = await process.run()
            except (AddressError, OSError) as error:
                code, why = 1, str(error)
            else:
                why = f"ended with {_told(code)}"
            if self.ending:
                return
            if code > 0 and not any(one.served for one in self.all):
                self._code = code
                return
            if loop.time() - began > _WELL_S:
                wait_s = _FIRST_WAIT_S
            _log.error("process %d %s; next start in %.1f s", process.number, why, wait_s)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

    async def _end(self, keeping: list[asyncio.Task[None]]) -> None:
        self.ending = True
        for process, task in zip(self.all, keeping, strict=True):
            if process.pid:
                process.signal(signal.SIGTERM)
            else:
                # It is to be started, or has just been.
                task.cancel()
        _, late = await asyncio.wait(keeping, timeout=self._stop_within_s)
        if late:
            _log.error("%d processes did not end in time and are killed", len(late))
            for process in self.all:
                process.signal(signal.SIGKILL)
            await asyncio.wait(late)

    def _change(self) -> None:
        self.on_change()


def _told(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
