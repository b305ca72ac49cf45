"""Keeps the isolate hosts alive: starts them, watches them, replaces the dead.

Must not know what runs on them.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from pools.protocol import HostConfig
from runner.errors import HostStartError
from runner.hosts import Host
from runner.spawn import spawn_host

if TYPE_CHECKING:
    from collections.abc import Callable

    from pools.protocol import Ready
    from runner.config import Settings
    from runner.execution import Execution
    from runner.lane_client import LaneClient
    from runner.spawn import HostProcess

_log = logging.getLogger(__name__)
_CHECK_S: Final = 0.5
_FIRST_BACKOFF_S: Final = 0.1
_LAST_BACKOFF_S: Final = 10.0


def lanes_of_hosts(settings: Settings) -> list[int]:
    """Return how many lanes each host has."""
    each, more = divmod(settings.lanes, settings.hosts)
    return [each + (number < more) for number in range(settings.hosts)]


def host_config(settings: Settings, process: HostProcess) -> HostConfig:
    """Return the first message to a host."""
    return HostConfig(
        mode=settings.mode,
        lane_fds=process.lane_fds,
        snapshot_fd=process.snapshot_fd,
        heap_initial_mb=settings.heap_initial_mb,
        heap_max_mb=settings.heap_max_mb,
        isolate_pool_size=settings.isolate_pool_size,
        max_isolates_per_tenant=settings.max_isolates_per_tenant,
        queue_size=settings.isolate_queue_size,
        queue_timeout_ms=settings.isolate_queue_timeout_ms,
        v8_flags=settings.v8_flags,
        jitless=settings.v8_jitless,
        sandbox=settings.sandbox,
        writable_folders=settings.host_writable_folders,
    )


class Supervisor:
    """Owns the hosts. ``open_snapshot()`` gives a descriptor of the blob, a new one for each process."""

    def __init__(
        self,
        settings: Settings,
        open_snapshot: Callable[[], int],
        make_lane: Callable[[str, Host], LaneClient],
    ) -> None:
        self._settings = settings
        self._open_snapshot = open_snapshot
        self._make_lane = make_lane
        self._hosts: dict[int, Host] = {}
        self._ending: set[Host] = set()
        self._replacing: set[asyncio.Task[None]] = set()
        self._ticker: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self._closing = False
        self.lanes: tuple[LaneClient, ...] = ()
        """The lanes that serve now."""
        self.replaced = 0
        """Hosts that died and were replaced."""
        self.about: Ready | None = None
        """What a host said when it was ready."""

    def executions(self) -> set[Execution]:
        """Return what runs now, on all hosts, whatever it was started for."""
        return {execution for lane in self.lanes for execution in lane.running.values()}

    @property
    def hosts(self) -> tuple[Host, ...]:
        return tuple(self._hosts.values())

    async def start(self, started: HostProcess | None = None) -> None:
        """Start all hosts, and return when they serve; ``started`` is a process for the first that runs already.

        Raises
        ------
        HostStartError
            One can not serve. None is left running.

        """
        slots = range(self._settings.hosts)
        starts = [
            asyncio.ensure_future(self._start_host(slot, started if slot == 0 else None))
            for slot in slots
        ]
        results = await asyncio.gather(*starts, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                await self.close()
                raise result
        self._tick()

    async def close(self) -> None:
        """End all hosts; executions that still run are lost."""
        self._closing = True
        if self._ticker is not None:
            self._ticker.cancel()
        for task in self._replacing:
            task.cancel()
        hosts = {*self._hosts.values(), *self._ending}
        self._hosts.clear()
        self._publish()
        await asyncio.gather(
            *(host.close() for host in hosts), *self._replacing, return_exceptions=True
        )

    async def serving(self, timeout_s: float) -> bool:
        """Wait until there is a lane; false when there is none in time."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self.lanes:
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def _start_host(self, slot: int, process: HostProcess | None = None) -> None:
        if process is None:
            lanes = lanes_of_hosts(self._settings)[slot]
            process = spawn_host(self._settings.host_environ, lanes, self._open_snapshot())
        host = Host(f"{slot}", process, self._lose)
        self._ending.add(host)
        self.about = await host.open(host_config(self._settings, process), self._make_lane)
        self._ending.discard(host)
        if host.ended is not None:
            raise HostStartError(host.ended)
        self._hosts[slot] = host
        self._publish()

    def _lose(self, host: Host) -> None:
        """A host died. If it served, its place is filled at once."""
        slot = next((slot for slot, serving in self._hosts.items() if serving is host), None)
        if slot is None:
            return
        del self._hosts[slot]
        self._ending.add(host)
        self._publish()
        if not self._closing:
            task = asyncio.get_running_loop().create_task(
                self._replace(slot, host), name=f"replace host {slot}"
            )
            self._replacing.add(task)
            task.add_done_callback(self._replacing.discard)

    async def _replace(self, slot: int, dead: Host) -> None:
        backoff_s = _FIRST_BACKOFF_S
        while True:
            try:
                await self._start_host(slot)
            except (HostStartError, OSError) as error:
                _log.error("%s; next try in %.1f s", error, backoff_s)
                await asyncio.sleep(backoff_s)
                backoff_s = min(backoff_s * 2, _LAST_BACKOFF_S)
            else:
                break
        self.replaced += 1
        _log.warning("isolate host %s was replaced", slot)
        await dead.close()
        self._ending.discard(dead)

    def _publish(self) -> None:
        self.lanes = tuple(lane for slot in sorted(self._hosts) for lane in self._hosts[slot].lanes)
        self._changed.set()
        self._changed = asyncio.Event()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        for host in tuple(self._hosts.values()):
            host.check(loop.time())
        self._ticker = loop.call_later(_CHECK_S, self._tick)
