"""What the three pools do when V8 refuses: their books stay right."""

from typing import Any

import pytest

from pools.errors import EngineError
from pools.oneshot import OneshotPool
from pools.pinned import PinnedPool
from pools.pooled import PooledPool


class Waiting:
    """A lane that nobody needs to tell anything."""

    def isolate_freed(self) -> None:
        raise AssertionError("nothing was freed")


class Factory:
    """Makes isolates, or refuses as V8 does."""

    def __init__(self) -> None:
        self.refuses = True

    def __call__(self) -> Any:
        if self.refuses:
            raise EngineError("no memory")
        return object()


@pytest.mark.parametrize("mode", [PinnedPool, PooledPool, OneshotPool])
def test_an_isolate_that_could_not_be_made_takes_no_place(mode: Any) -> None:
    """After any number of refusals there is room for as many isolates as before."""
    factory = Factory()
    pool = mode(factory, capacity=2, max_per_tenant=1)
    for _ in range(3):
        with pytest.raises(EngineError):
            pool.acquire("tenant", "worker", Waiting())
    assert pool.size() == (0, 0)
    assert pool.counters.created == 0

    factory.refuses = False
    assert pool.acquire("tenant", "worker", Waiting()) is not None
    assert pool.acquire("tenant", "worker", Waiting()) is None
    assert pool.acquire("other", "worker", Waiting()) is not None
    assert pool.counters.created == 2
