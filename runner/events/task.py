"""The task event, and the meaning of its result.

Must not know queues or command lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from runner.records import mend_surrogates

if TYPE_CHECKING:
    from runner.records import Result


_WRAPPED: Final = '{"success":true,"data":'
"""How the core writes a result that the handler did not write itself."""


class TaskEvent(
    msgspec.Struct, frozen=True, tag="task", omit_defaults=True, rename="camel", gc=False
):
    """``eventJson`` of the boundary."""

    payload: msgspec.Raw
    """JSON, handed on as it is."""
    task_id: str | None = None
    attempt: int | None = None
    max_attempts: int | None = None
    max_attempts_given: bool = False
    """The task or its queue says it: the handler's own number does not count."""
    task_type: str | None = None
    """Chooses the handler in the worker's ``tasks``."""
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
    result: msgspec.Raw = msgspec.Raw()
    """What the worker of the seed calls ``data``."""

    @property
    def value(self) -> msgspec.Raw | None:
        """What is kept of a success; None for nothing."""
        return self.data or self.result or None

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
    text = result.json
    try:
        return msgspec.json.decode(text, type=TaskResult)
    except msgspec.DecodeError:
        pass
    # Lone surrogates: JSON by the letter, and the tenant's own; they only stand in the way of looking into it.
    if text.startswith(_WRAPPED) and text.endswith("}"):
        return TaskResult(success=True, data=msgspec.Raw(text[len(_WRAPPED) : -1].encode()))
    try:
        return msgspec.json.decode(mend_surrogates(text.encode()), type=TaskResult)
    except msgspec.DecodeError:
        return TaskResult(success=False, error="the result can not be read")
