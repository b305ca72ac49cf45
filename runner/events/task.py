"""The task event, and the meaning of its result.

Must not know queues or command lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from runner.records import Result


class TaskEvent(
    msgspec.Struct, frozen=True, tag="task", omit_defaults=True, rename="camel", gc=False
):
    """``eventJson`` of the boundary."""

    payload: msgspec.Raw
    """JSON, handed on as it is."""
    task_id: str | None = None
    attempt: int | None = None
    max_attempts: int | None = None
    key: str | None = None
    queue: str | None = None
    scheduled_time: int | None = None
    indent: int | None = None
    """Spaces; also wants the text of the result's data."""


class TaskFailure(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a task says of its own failure."""

    name: str = "Error"
    message: str = "the task reported a failure"
    stack: str = ""


class TaskResult(msgspec.Struct, frozen=True):
    """A result as the core writes it: ``data`` is JSON, kept as text."""

    success: bool
    data: msgspec.Raw = msgspec.Raw()
    error: Any = None

    def failure(self) -> TaskFailure:
        """Return the error of a result without success, whatever the task put there."""
        match self.error:
            case None:
                return TaskFailure()
            case str():
                return TaskFailure(message=self.error)
            case {"message": str(message), **rest}:
                name, stack = rest.get("name"), rest.get("stack")
                return TaskFailure(
                    name if isinstance(name, str) else "Error",
                    message,
                    stack if isinstance(stack, str) else "",
                )
            case _:
                return TaskFailure(message=msgspec.json.encode(self.error).decode())


def encode_task(event: TaskEvent) -> bytes:
    return msgspec.json.encode(event)


def read_result(result: Result | None) -> TaskResult:
    """Return what a task's execution ended with; one without a result is a success without data."""
    if result is None:
        return TaskResult(success=True)
    try:
        return msgspec.json.decode(result.json, type=TaskResult)
    except msgspec.DecodeError:
        # Lone surrogates or deep nesting: fine as JSON text, but not for us to look into.
        return TaskResult(success=True, data=msgspec.Raw(result.json.encode()))
