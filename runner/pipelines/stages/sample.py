"""``sample``: emits some of the events: every nth, or the last one of each interval, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Generic, TypeVar

import msgspec

from runner.pipelines.stage import Stage, StageConfig

if TYPE_CHECKING:
    from runner.pipelines.stage import Emit, Event, StageContext

E = TypeVar("E")


class SampleConfig(StageConfig, frozen=True, kw_only=True, rename="camel"):
    nth: Annotated[int, msgspec.Meta(ge=1)] | None = None
    interval_seconds: Annotated[float, msgspec.Meta(ge=0.01)] | None = None

    def __post_init__(self) -> None:
        if self.nth is None and self.interval_seconds is None:
            raise ValueError("nth, intervalSeconds or both must be given")


class Sample(Stage[SampleConfig]):
    """The first event is the first sample of ``nth``; an interval without a new event has none."""

    Config = SampleConfig

    def __init__(self, context: StageContext, config: SampleConfig) -> None:
        super().__init__(context, config)
        self._sampler: Sampler[Event] = Sampler(config.nth)

    @property
    def interval_s(self) -> float | None:
        return self.config.interval_seconds

    async def on_event(self, event: Event, emit: Emit) -> None:
        for sample in self._sampler.feed(event):
            await emit(sample)

    async def on_interval(self, emit: Emit) -> None:
        for sample in self._sampler.take():
            await emit(sample)


class Sampler(Generic[E]):
    """Counts events, and keeps the last one that was no sample."""

    def __init__(self, nth: int | None) -> None:
        self._nth = nth
        self._count = 0
        self._last: list[E] = []

    def feed(self, event: E) -> list[E]:
        """Return the event if it is a sample."""
        self._last = [event]
        wanted = self._nth is not None and self._count % self._nth == 0
        self._count += 1
        return self.take() if wanted else []

    def take(self) -> list[E]:
        """Return the last event, unless it was a sample."""
        sample, self._last = self._last, []
        return sample
