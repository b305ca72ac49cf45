"""What stages say of events that are not of the kind they take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.pipelines.errors import EventError

if TYPE_CHECKING:
    from runner.pipelines.stage import Event


def object_of(event: Event) -> dict[str, Any]:
    """Return an event with fields.

    Raises
    ------
    EventError
        It is something else.

    """
    if not isinstance(event, dict):
        raise EventError(f"the event is {kind_of(event)}, and has no fields", name="TypeError")
    return event


def text_of(event: Event, hint: str) -> str:
    """Return an event that is text; ``hint`` says what makes texts of others.

    Raises
    ------
    EventError
        It is something else.

    """
    if not isinstance(event, str):
        raise EventError(f"the event is {kind_of(event)} and no text: {hint}", name="TypeError")
    return event


def kind_of(event: Event) -> str:
    """Name the kind of a JSON value."""
    match event:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "an object"
