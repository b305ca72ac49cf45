"""Probes: what load balancers and operators learn of a runner."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from runner.api.endpoint import Raw
from runner.api.probes import Health, Probes


class Situation:
    """A runner as the probes see it."""

    def __init__(self) -> None:
        self.lanes = 2
        self.draining = False
        self.asked = 0
        self.error: Exception | None = None

    async def check(self) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error


@pytest.fixture
def situation() -> Situation:
    return Situation()


@pytest.fixture
def probes(situation: Situation) -> Probes:
    probes = Probes()
    probes.started(
        lambda: situation.lanes, lambda: situation.draining, {"PostgreSQL": situation.check}
    )
    return probes


def health_of(answer: Raw) -> Health:
    return msgspec.json.decode(answer.content, type=Health)


async def test_readiness_follows_the_runner_and_liveness_does_not(situation: Situation) -> None:
    probes = Probes()
    seen = []

    async def look() -> None:
        assert (await probes.livez()).status == 200
        answer = await probes.readyz()
        seen.append((answer.status, probes.state))

    await look()
    probes.started(lambda: situation.lanes, lambda: situation.draining, {})
    await look()
    situation.lanes = 0
    await look()
    situation.lanes = 1
    await look()
    situation.draining = True
    await look()
    assert seen == [
        (503, "starting"),
        (200, "ready"),
        (503, "no lane"),
        (200, "ready"),
        (503, "draining"),
    ]


async def test_health_names_each_dependency(probes: Probes) -> None:
    answer = await probes.healthz()
    health = health_of(answer)
    assert (answer.status, health.ok) == (200, True)
    assert health.dependencies["PostgreSQL"].ok


async def test_a_dependency_that_is_gone_is_not_quoted(
    probes: Probes, situation: Situation
) -> None:
    situation.error = ConnectionError("secret.host refused user admin")
    answer = await probes.healthz()
    health = health_of(answer)
    assert (answer.status, health.ok) == (503, False)
    assert health.dependencies["PostgreSQL"].problem == "ConnectionError"
    assert (await probes.readyz()).status == 200


async def test_a_crowd_of_probes_asks_once(probes: Probes, situation: Situation) -> None:
    await asyncio.gather(*(probes.healthz() for _ in range(20)))
    await probes.healthz()
    assert situation.asked == 1
