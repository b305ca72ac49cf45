"""A task as a NATS message, and its answer.

Must not know connections or lanes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from runner.executor.verdict import Failure, failure_of
from runner.records import mend_surrogates

if TYPE_CHECKING:
    from runner.executor.attempt import Ended
    from runner.executor.handler_word import HandlerWord

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
_MAX_ERROR: Final = 10_000


class TaskMessage(msgspec.Struct, frozen=True):
    """``{script | worker, type?, payload?, timeout?}``; ``timeout`` in milliseconds."""

    script: _Name | None = None
    worker: _Name | None = None
    type: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] | None = None
    payload: msgspec.Raw = msgspec.Raw(b"null")
    timeout: Annotated[int, msgspec.Meta(ge=1, lt=1 << 31)] | None = None


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a task says that wrote no result of its own."""

    success: bool
    error: str = ""


def read_message(data: bytes) -> TaskMessage:
    """Return what a message asks for.

    Raises
    ------
    ValueError
        It is no task; the text says why.

    """
    try:
        try:
            message = msgspec.json.decode(data, type=TaskMessage)
        except msgspec.ValidationError:
            raise
        except (msgspec.DecodeError, UnicodeDecodeError):
            # Escapes of lone surrogates are JSON by the letter.
            message = msgspec.json.decode(mend_surrogates(data), type=TaskMessage)
    except msgspec.ValidationError as error:
        raise ValueError(f"the message is no task: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"the message is no JSON: {error}") from None
    if (message.script is None) == (message.worker is None):
        raise ValueError("the message is no task: it names either a `script` or a `worker`")
    return message


def refusal(error: str) -> bytes:
    return msgspec.json.encode(Answer(success=False, error=error[:_MAX_ERROR]))


def answer_of(
    message: TaskMessage, ended: Ended, word: HandlerWord
) -> tuple[bytes, Failure | None]:
    """Return the answer, and why the task failed if it did.

    A result that the task wrote itself is the answer as it is.
    """
    if word.refusal is not None:
        return refusal(word.refusal), Failure(word.refusal, "settings", final=True)
    failure = failure_of(ended, task_type=message.type, timeout_ms=word.timeout_ms)
    if failure is None or failure.reason == "failed":
        return ended.text.encode(), failure
    return refusal(failure.error), failure
