"""``errors``: tells of the pipeline's errors, those that are alike together, once an interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import msgspec

from runner.pipelines.stage import Kind, Stage, StageConfig

if TYPE_CHECKING:
    from runner.pipelines.stage import Emit, Event

_MOST: Final = 1000
_SEVERITY: Final = 3
"""Syslog's "error"."""


class ErrorsConfig(StageConfig, frozen=True, kw_only=True, rename="camel"):
    """``stackDepth``: how many lines of stacks are told, and count for what is alike."""

    interval_seconds: Annotated[float, msgspec.Meta(gt=0)] = 60
    stack_depth: Annotated[int, msgspec.Meta(ge=0)] = 1
    interval: Annotated[float, msgspec.Meta(gt=0)] | None = None
    """The old name of ``intervalSeconds``."""


class _Alike(NamedTuple):
    message: str
    stack: tuple[str, ...]


class Errors(Stage[ErrorsConfig]):
    """Counts errors by stage, message and the first lines of their stacks."""

    Config = ErrorsConfig
    kind = Kind.ERRORS

    def __init__(self, context: Any, config: ErrorsConfig) -> None:
        super().__init__(context, config)
        self._counts: dict[_Alike, int] = {}

    @property
    def interval_s(self) -> float:
        return self.config.interval or self.config.interval_seconds

    async def on_event(self, event: Event, emit: Emit) -> None:
        head = f"{event['name']}: {event['message']}" if event["message"] else event["name"]
        alike = _Alike(
            f"{event['stage']}: {head}", tuple(event["stack"][: self.config.stack_depth])
        )
        if alike not in self._counts and len(self._counts) >= _MOST:
            alike = _Alike(f"{event['stage']}: errors of other kinds", ())
        self._counts[alike] = self._counts.get(alike, 0) + 1

    async def on_interval(self, emit: Emit) -> None:
        counts, self._counts = self._counts, {}
        for alike, count in counts.items():
            await emit(
                {
                    "message": alike.message,
                    "stack": list(alike.stack),
                    "count": count,
                    "type": "error",
                    "ts": self.context.clock.now().isoformat(),
                    "severity": _SEVERITY,
                }
            )

    async def on_end(self, emit: Emit) -> None:
        await self.on_interval(emit)
