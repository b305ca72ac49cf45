"""Probes: is the process alive, may it get requests, and how is what it depends on."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from runner.api.endpoint import Endpoint, Raw

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

State = Literal["starting", "ready", "draining", "no lane"]
_WITHIN_S: Final = 2.0
_FRESH_S: Final = 1.0


class Readiness(msgspec.Struct, frozen=True):
    """Whether requests may be sent here."""

    ready: bool
    state: State


class DependencyHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How something that the runner depends on is."""

    ok: bool
    ms: float
    problem: str = ""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The runner with all it depends on."""

    ok: bool
    state: State
    dependencies: dict[str, DependencyHealth]


class Probes:
    """Answers probes. What there is to ask comes with :meth:`started`."""

    def __init__(self) -> None:
        self._lanes: Callable[[], int] | None = None
        self._draining: Callable[[], bool] = lambda: False
        self._checks: Mapping[str, Callable[[], Awaitable[None]]] = {}
        self._asked_at = 0.0
        self._asking: asyncio.Task[dict[str, DependencyHealth]] | None = None

    def started(
        self,
        lanes: Callable[[], int],
        draining: Callable[[], bool],
        checks: Mapping[str, Callable[[], Awaitable[None]]],
    ) -> None:
        """The runner serves: ``lanes()`` is how many lanes can, ``checks`` raise when a dependency is not well."""
        self._lanes, self._draining, self._checks = lanes, draining, checks

    @property
    def has_started(self) -> bool:
        return self._lanes is not None

    @property
    def state(self) -> State:
        if self._draining():
            return "draining"
        if self._lanes is None:
            return "starting"
        return "ready" if self._lanes() else "no lane"

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", "/livez", self.livez, access="open"),
            Endpoint("GET", "/readyz", self.readyz, access="open"),
            Endpoint("GET", "/healthz", self.healthz, access="open"),
        ]

    async def livez(self) -> Raw:
        """Tell that the process is alive; asks nothing else."""
        return Raw(b"ok\n", "text/plain")

    async def readyz(self) -> Raw:
        """Tell whether requests may be sent here: 503 while it starts or drains, or no lane can serve."""
        state = self.state
        ready = state == "ready"
        body = msgspec.json.encode(Readiness(ready, state)) + b"\n"
        return Raw(body, status=200 if ready else 503)

    async def healthz(self) -> Raw:
        """Tell how each dependency is: 503 when one is not well."""
        dependencies = await self._dependencies()
        state = self.state
        ok = state == "ready" and all(one.ok for one in dependencies.values())
        health = Health(ok=ok, state=state, dependencies=dependencies)
        return Raw(msgspec.json.encode(health) + b"\n", status=200 if ok else 503)

    async def _dependencies(self) -> dict[str, DependencyHealth]:
        """Ask all at once; whoever asks within a second gets the same answer: nobody can flood them through us."""
        now = time.monotonic()
        if self._asking is None or (self._asking.done() and now - self._asked_at > _FRESH_S):
            self._asked_at = now
            self._asking = asyncio.create_task(self._ask(), name="health")
        return await asyncio.shield(self._asking)

    async def _ask(self) -> dict[str, DependencyHealth]:
        names = list(self._checks)
        found = await asyncio.gather(*(_try(self._checks[name]) for name in names))
        return dict(zip(names, found, strict=True))


async def _try(check: Callable[[], Awaitable[None]]) -> DependencyHealth:
    began = time.monotonic()
    problem = ""
    try:
        async with asyncio.timeout(_WITHIN_S):
            await check()
    except TimeoutError:
        problem = f"no answer within {_WITHIN_S:g} s"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not well
        # The text may name hosts and users: who may know them looks at the log.
        problem = type(error).__name__
    ms = round((time.monotonic() - began) * 1000, 2)
    return DependencyHealth(ok=not problem, ms=ms, problem=problem)
