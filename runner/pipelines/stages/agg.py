"""``agg``: collects events in groups and emits one event for each group."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Generic, NamedTuple, TypeVar

import msgspec

from runner.pipelines.errors import FunctionError
from runner.pipelines.stage import JsFunction, Stage, StageConfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from runner.pipelines.stage import Emit, Event, StageContext

E = TypeVar("E")
Seconds = Annotated[float, msgspec.Meta(ge=0.1, le=86_400 * 366)]
Many = Annotated[int, msgspec.Meta(ge=1, le=100_000)]


class AggConfig(StageConfig, frozen=True, kw_only=True, rename="camel"):
    key: JsFunction
    """``function(event)``: what the events of a group have in common."""
    view: JsFunction
    """``function(events)``: what is emitted for a group; nothing for null."""
    filter: JsFunction | None = None
    """``function(event)``: whether an event is collected, as of ``Array.filter``; the others are left out."""
    filtered: JsFunction | None = None
    """The same the other way round, as LogBus has it: whether an event is left out."""
    start: JsFunction | None = None
    """``function(event)``: whether an event may be the first of a group."""
    stop: JsFunction | None = None
    """``function(event)``: whether an event is the last of its group."""
    max_size: Many = 1000
    """Events of a group."""
    max_groups: Many = 10_000
    """Groups at the same time; the oldest is emitted when there would be more."""
    max_event_seconds: Seconds = 300.0
    """By the events' own time; one that is later than the group's first by that is the first of the next."""
    max_real_seconds: Seconds = 300.0
    """By the clock, since the first event came."""
    ts_field: str = "ts"
    """Where events have their time: milliseconds since 1970, or a text like ``2019-10-20T20:27:45.042Z``."""

    def __post_init__(self) -> None:
        if self.filter is not None and self.filtered is not None:
            raise ValueError("filter and filtered exclude each other")


class Arrival(NamedTuple, Generic[E]):
    """An event with what the functions say of it."""

    event: E
    key: Any
    event_s: float | None
    """Its own time, if it has one."""
    starts: bool = True
    stops: bool = False


class Agg(Stage[AggConfig]):
    """An event for which a function fails is reported and left out, and so is a group for which ``view`` does."""

    Config = AggConfig

    def __init__(self, context: StageContext, config: AggConfig) -> None:
        super().__init__(context, config)
        self._groups: Groups[Event] = Groups(
            config.max_size, config.max_groups, config.max_event_seconds
        )

    @property
    def interval_s(self) -> float:
        return min(1.0, self.config.max_real_seconds)

    async def on_events(self, events: Sequence[Event], emit: Emit) -> None:
        now_s = self._now_s()
        closed: list[list[Event]] = []
        for arrival in await self._arrivals(events):
            closed += self._groups.add(arrival, now_s)
        await self._view(closed, emit)

    async def on_interval(self, emit: Emit) -> None:
        since_s = self._now_s() - self.config.max_real_seconds
        await self._view(self._groups.take(since_s), emit)

    async def on_end(self, emit: Emit) -> None:
        await self._view(self._groups.take(), emit)

    def _now_s(self) -> float:
        return self.context.clock.now().timestamp()

    async def _arrivals(self, events: Sequence[Event]) -> list[Arrival[Event]]:
        config = self.config
        kept = list(events)
        if config.filter is not None:
            kept = [event for event, said in await self._ask(config.filter, kept) if said]
        elif config.filtered is not None:
            kept = [event for event, said in await self._ask(config.filtered, kept) if not said]
        keyed = await self._ask(config.key, kept)
        starts = await self._marks(config.start, keyed)
        stops = await self._marks(config.stop, keyed)
        return [
            Arrival(
                event,
                key,
                event_time_s(event, config.ts_field),
                starts=bool(starts[place]) if starts else True,
                stops=bool(stops[place]) if stops else False,
            )
            for place, (event, key) in enumerate(keyed)
        ]

    async def _marks(
        self, function: JsFunction | None, keyed: Sequence[tuple[Event, Any]]
    ) -> list[Any]:
        """Return what a function says of each event; of one for which it fails, no."""
        if function is None or not keyed:
            return []
        said = await self.context.call_each(function, [[event] for event, _ in keyed])
        return [self._known(answer) for answer in said]

    async def _ask(self, function: JsFunction, events: Sequence[Event]) -> list[tuple[Event, Any]]:
        """Return the events and what a function says of them, without those for which it fails."""
        if not events:
            return []
        said = await self.context.call_each(function, [[event] for event in events])
        pairs = zip(events, said, strict=True)
        return [
            (event, answer)
            for event, answer in pairs
            if not isinstance(answer, FunctionError) or self._known(answer)
        ]

    def _known(self, answer: Any) -> Any:
        if isinstance(answer, FunctionError):
            self.context.error(answer)
            return False
        return answer

    async def _view(self, groups: Iterable[list[Event]], emit: Emit) -> None:
        calls = [[group] for group in groups]
        if not calls:
            return
        for made in await self.context.call_each(self.config.view, calls):
            event = self._known(made)
            if event:
                await emit(event)


class _Group(Generic[E]):
    def __init__(self, since_s: float) -> None:
        self.since_s = since_s
        self.event_s: float | None = None
        self.events: list[E] = []


class Groups(Generic[E]):
    """Groups that are still open, the oldest first. Events keep their order."""

    def __init__(self, max_size: int, max_groups: int, max_event_s: float) -> None:
        self._max_size = max_size
        self._max_groups = max_groups
        self._max_event_s = max_event_s
        self._open: dict[str, _Group[E]] = {}

    def add(self, arrival: Arrival[E], now_s: float) -> list[list[E]]:
        """Take an event; return the groups that are complete now."""
        key = group_name(arrival.key)
        group = self._open.get(key)
        if group is None:
            return self._begin(key, arrival, now_s) if arrival.starts else []
        if arrival.event_s is not None and group.event_s is not None:
            late = arrival.event_s - group.event_s >= self._max_event_s
            if late and not arrival.stops and len(group.events) + 1 < self._max_size:
                # It took so long that it probably belongs to what comes.
                del self._open[key]
                return [group.events, *self._begin(key, arrival, now_s)]
        group.events.append(arrival.event)
        if arrival.stops or len(group.events) >= self._max_size:
            del self._open[key]
            return [group.events]
        return []

    def take(self, since_s: float | None = None) -> list[list[E]]:
        """Return groups that began at this time or before, or all; they are no longer open."""
        due = [
            key for key, group in self._open.items() if since_s is None or group.since_s <= since_s
        ]
        return [self._open.pop(key).events for key in due]

    def _begin(self, key: str, arrival: Arrival[E], now_s: float) -> list[list[E]]:
        group: _Group[E] = _Group(now_s)
        group.event_s = arrival.event_s
        group.events.append(arrival.event)
        if self._max_size == 1:
            return [group.events]
        closed = []
        if len(self._open) >= self._max_groups:
            closed.append(self._open.pop(next(iter(self._open))).events)
        self._open[key] = group
        return closed


def group_name(key: Event) -> str:
    """Return what tells keys apart: a text as it is, anything else by its JSON, so that 1 and "1" are one."""
    return key if isinstance(key, str) else json.dumps(key)


def event_time_s(event: Event, field: str) -> float | None:
    """Return an event's own time in seconds since 1970, if it has one."""
    value = event.get(field) if isinstance(event, dict) else None
    if isinstance(value, bool):
        return None
    try:
        if isinstance(value, int | float):
            return value / 1000
        if isinstance(value, str):
            return datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError):
        pass
    return None
