"""What `/admin` tells of a runner."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pools.protocol import LaneStats
from runner.admission import Admission, AdmissionLimits
from runner.api.administration import Administration


def administration(*stats: LaneStats, told: list[str] | None = None) -> Administration:
    lanes = [SimpleNamespace(name=f"0.{number}", in_flight=0) for number in range(len(stats))]
    host = SimpleNamespace(name="0", pid=7, rss_bytes=1, lanes=lanes, stats=list(stats))
    supervisor: Any = SimpleNamespace(
        executions=set, hosts=(host,), lanes=tuple(lanes), replaced=2, about=None
    )
    end = told if told is not None else []
    return Administration(
        supervisor,
        Admission(AdmissionLimits()),
        "PINNED",
        lambda: "ready",
        lambda: end.append("drain"),
    )


async def test_the_pool_adds_its_lanes_up() -> None:
    pool = await administration(
        LaneStats(pool_hits=3, isolates=2), LaneStats(pool_misses=1, isolates=1, isolates_idle=1)
    ).pool()
    assert (pool.total_requests, pool.cache_hits, pool.cache_misses) == (4, 3, 1)
    assert (pool.hit_rate, pool.isolates, pool.isolates_idle) == (75.0, 3, 1)
    assert pool.lanes[0].stats["pool_hits"] == 3


async def test_a_pool_that_did_nothing_has_no_rate() -> None:
    assert (await administration(LaneStats()).pool()).hit_rate == 0.0


async def test_statistics_name_hosts_and_what_was_replaced() -> None:
    stats = await administration(LaneStats()).stats()
    assert (stats.state, stats.draining, stats.lanes, stats.hosts_replaced) == (
        "ready",
        False,
        1,
        2,
    )
    assert [(host.pid, host.lanes) for host in stats.hosts] == [(7, 1)]


async def test_drain_is_asked_for_once_per_call() -> None:
    told: list[str] = []
    answer = await administration(told=told).drain()
    assert told == ["drain"]
    assert answer.draining
