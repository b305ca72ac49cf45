"""``scheduler``: an event at each time of a cron expression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from runner.errors import CronError
from runner.pipelines.stage import JsFunction, Kind, Stage, StageConfig
from runner.schedules.cron import parse_cron

if TYPE_CHECKING:
    from runner.pipelines.stage import Emit


class SchedulerConfig(StageConfig, frozen=True, kw_only=True):
    """``cron`` has five fields, or six with the seconds first."""

    cron: str
    timezone: str = "UTC"
    payload: Any = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.payload, JsFunction):
            # msgspec tells of no other kind.
            raise ValueError(  # noqa: TRY004
                "payload must be a value; a stage 'js' behind this one can make others"
            )
        try:
            parse_cron(self.cron, self.timezone)
        except CronError as error:
            raise ValueError(str(error)) from None


class Scheduler(Stage[SchedulerConfig]):
    """Emits ``payload``. Times that pass while the stages behind it have no room are left out."""

    Config = SchedulerConfig
    kind = Kind.INPUT

    async def run(self, emit: Emit) -> None:
        cron = parse_cron(self.config.cron, self.config.timezone)
        clock, stopping = self.context.clock, self.context.stopping
        last = clock.now()
        while not stopping.is_set() and (due := cron.after(last)) is not None:
            if (left_s := (due - clock.now()).total_seconds()) > 0:
                await clock.wait(stopping, left_s)
                continue
            await emit(self.config.payload)
            last = max(due, cron.until(clock.now()) or due)
