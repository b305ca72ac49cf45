"""``js``: a function of the document, called with each event; what it returns goes on, unless that is nothing.

``lastCall`` is called when all events are through, for what the functions still hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.pipelines.errors import FunctionError
from runner.pipelines.stage import JsFunction, Stage, StageConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.pipelines.stage import Emit, Event


class JsConfig(StageConfig, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=False):
    """Whatever else is there, the functions find in ``this.config``."""

    function: JsFunction
    last_call: JsFunction | None = None


class Js(Stage[JsConfig]):
    """Emits what is truthy in JavaScript."""

    Config = JsConfig

    async def on_events(self, events: Sequence[Event], emit: Emit) -> None:
        context = self.context
        calls = [(event,) for event in events]
        for result in await context.call_each(self.config.function, calls):
            if isinstance(result, FunctionError):
                context.error(result)
            elif truthy(result):
                await emit(result)

    async def on_end(self, emit: Emit) -> None:
        if self.config.last_call is None:
            return
        try:
            result = await self.context.call(self.config.last_call)
        except FunctionError as error:
            self.context.error(error)
            return
        if truthy(result):
            await emit(result)


def truthy(value: Any) -> bool:
    """Tell whether JavaScript takes a value for true: empty lists and objects are."""
    return isinstance(value, list | dict) or bool(value)
