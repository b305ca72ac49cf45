"""Settings that are values or functions of an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.pipelines.errors import EventError, FunctionError
from runner.pipelines.stage import JsFunction
from runner.pipelines.stages.fields import kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.pipelines.stage import Event, StageContext


async def values_for(
    context: StageContext, settings: Mapping[str, Any], events: Sequence[Event]
) -> list[dict[str, Any] | FunctionError]:
    """Return what the settings are for each event, or which error the first function that failed had."""
    found: list[dict[str, Any] | FunctionError] = [dict(settings) for _ in events]
    for name, value in settings.items():
        if not isinstance(value, JsFunction):
            continue
        answers = await context.call_each(value, [[event] for event in events])
        for place, answer in enumerate(answers):
            values = found[place]
            if isinstance(values, FunctionError):
                continue
            if isinstance(answer, FunctionError):
                found[place] = answer
            else:
                values[name] = answer
    return found


def required_text(values: Mapping[str, Any], name: str) -> str:
    """Return a setting that must be a text.

    Raises
    ------
    EventError
        The function gave something else.

    """
    value = values.get(name)
    if not isinstance(value, str):
        raise EventError(f"{name} must be a text, this is {kind_of(value)}", name="TypeError")
    return value
