"""HTTP tasks and what came of them, as the table of tasks has them: sealed, and worth nothing in another row.

The option column of a task is a JSON string: base64 of the sealed JSON of an :class:`HttpTask`. Its result is an object,
``{"statusCode": 200, "response": base64 of the sealed body, or null}``. Must not know how tasks are sent, nor SQL.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from runner.errors import SecretError
from runner.http_tasks.model import Answered, HttpTask
from runner.store.secrets import SecretPlace

if TYPE_CHECKING:
    from uuid import UUID

    from runner.store.secrets import SecretBox

_TASKS: Final = "tasks"
_Shape = TypeVar("_Shape")


class KeyAwayError(SecretError):
    """It is sealed with a key that this runner does not have; others may."""


class StoredAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """What the last attempt came to. ``response`` is the body, base64; None if there is none, or it is not kept."""

    status_code: int = 0
    response: str | None = None


class TaskSealing:
    """Seals with the keys of ``SECRETS_KEY``. ``owner`` is the row's tenant, ``row`` its id."""

    def __init__(self, box: SecretBox) -> None:
        self._box = box

    def seal(self, task: HttpTask, owner: UUID, row: UUID) -> str:
        """Return what ``NewTask.options`` takes.

        Raises
        ------
        SecretError
            There is no key.

        """
        text = msgspec.json.encode(task).decode()
        return b64encode(self._box.seal(text, _place("options", owner, row))).decode()

    def open(self, options: str | bytes | msgspec.Raw | None, owner: UUID, row: UUID) -> HttpTask:
        """Return the task of a row's ``options``, which is JSON.

        Raises
        ------
        KeyAwayError
            It was sealed with a key that is not here.
        SecretError
            It belongs to another row, was changed, or is nothing of ours.

        """
        place = _place("options", owner, row)
        sealed = _unpacked(_decoded(options, str, place), place)
        if len(sealed) > 1 and not self._box.knows(sealed):
            key = f"it was sealed with key {sealed[1]}, which SECRETS_KEY does not have"
            raise KeyAwayError(str(place), key)
        return _decoded(self._box.open(sealed, place), HttpTask, place)

    def seal_answer(self, answered: Answered, owner: UUID, row: UUID) -> dict[str, Any]:
        """Return what ``Completed.result`` and ``Failed.result`` take."""
        response = None
        if answered.body is not None:
            text = b64encode(answered.body).decode()
            response = b64encode(self._box.seal(text, _place("result", owner, row))).decode()
        return {"statusCode": answered.status, "response": response}

    def open_answer(
        self, result: str | bytes | msgspec.Raw | None, owner: UUID, row: UUID
    ) -> StoredAnswer:
        """Return what a row's ``result`` says, which is JSON; nothing yet for none.

        Raises
        ------
        SecretError
            As :meth:`open`.

        """
        if result is None:
            return StoredAnswer()
        place = _place("result", owner, row)
        stored = _decoded(result, StoredAnswer, place)
        if stored.response is None:
            return stored
        text = self._box.open(_unpacked(stored.response, place), place)
        return StoredAnswer(stored.status_code, text)


def _place(column: str, owner: UUID, row: UUID) -> SecretPlace:
    return SecretPlace(_TASKS, column, owner, row)


def _decoded(
    text: str | bytes | msgspec.Raw | None, shape: type[_Shape], place: SecretPlace
) -> _Shape:
    try:
        return msgspec.json.decode(b"null" if text is None else text, type=shape)
    except msgspec.MsgspecError:
        raise SecretError(str(place), "it is nothing that the tasks server has written") from None


def _unpacked(text: str, place: SecretPlace) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SecretError(str(place), "it is nothing that the tasks server has written") from None
