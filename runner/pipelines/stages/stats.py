"""``stats``: tells what the pipeline has done, once an interval."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from runner.pipelines.counts import Counts
from runner.pipelines.stage import Kind, Stage, StageConfig

if TYPE_CHECKING:
    from runner.pipelines.stage import Emit, Event

_MEGABYTE: Final = 1 << 20
_RATES: Final = (
    "errors",
    "events_in",
    "events_out",
    "bytes_in",
    "bytes_out",
    "lines_in",
    "lines_out",
)


class Parts(StageConfig, frozen=True, kw_only=True):
    """What else is told."""

    memory: bool = True
    rates: bool = False


class StatsConfig(StageConfig, frozen=True, kw_only=True, rename="camel"):
    """``interval`` is the old name of ``intervalSeconds``."""

    interval_seconds: Annotated[float, msgspec.Meta(gt=0)] = 15
    interval: Annotated[float, msgspec.Meta(gt=0)] | None = None
    enable: Parts = Parts()


class Stats(Stage[StatsConfig]):
    """Emits the counts since the last time."""

    Config = StatsConfig
    kind = Kind.STATS

    def __init__(self, context: Any, config: StatsConfig) -> None:
        super().__init__(context, config)
        self._told = Counts()
        self._since: datetime = context.clock.now()

    @property
    def interval_s(self) -> float:
        return self.config.interval or self.config.interval_seconds

    async def on_event(self, event: Event, emit: Emit) -> None:
        """Nothing comes: counts are looked at."""

    async def on_interval(self, emit: Emit) -> None:
        now = self.context.clock.now()
        totals = self.context.totals()
        counts, self._told = totals - self._told, totals
        event: dict[str, Any] = {
            "type": "stats",
            "ts": now.isoformat(),
            **msgspec.structs.asdict(counts),
            "message": _message(counts),
        }
        if self.config.enable.memory:
            heap, rss = self.context.memory()
            event |= {"heapMB": heap // _MEGABYTE, "rssMB": rss // _MEGABYTE}
        if self.config.enable.rates:
            seconds = max((now - self._since).total_seconds(), 0.001)
            event["rate"] = {name: round(getattr(counts, name) / seconds, 3) for name in _RATES}
        self._since = now
        await emit(event)

    async def on_end(self, emit: Emit) -> None:
        await self.on_interval(emit)


def _message(counts: Counts) -> str:
    return (
        f"errors[{counts.errors}] events[in={counts.events_in} out={counts.events_out}]"
        f" lines[in={counts.lines_in} out={counts.lines_out}]"
        f" mbytes[in={counts.bytes_in // _MEGABYTE} out={counts.bytes_out // _MEGABYTE}]"
    )
