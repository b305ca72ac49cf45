"""Some of the events."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from runner.pipelines.stages.sample import Sample
from tests.unit.runner.pipelines.stages.stage_bench import Bench


async def test_every_nth_begins_with_the_first() -> None:
    bench = Bench(Sample, {"nth": 2})
    assert await bench.feed(1, 2, 3, 4) == [1, 3]
    assert bench.stage.interval_s is None


async def test_an_interval_has_its_last_event_once() -> None:
    bench = Bench(Sample, {"intervalSeconds": 0.5})
    assert bench.stage.interval_s == 0.5
    assert await bench.feed(1, 2) == []
    assert await bench.interval() == [2]
    assert await bench.interval() == []


async def test_with_both_no_event_is_emitted_twice() -> None:
    bench = Bench(Sample, {"nth": 2, "intervalSeconds": 1})
    assert await bench.feed(1) == [1]
    assert await bench.interval() == []
    assert await bench.feed(2) == []
    assert await bench.interval() == [2]
    assert await bench.feed(3, 4) == [3]


@pytest.mark.parametrize("config", [{}, {"nth": 0}, {"intervalSeconds": 0}, {"nth": 1.5}])
def test_one_of_both_must_be_given_and_mean_something(config: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        Bench(Sample, config)
