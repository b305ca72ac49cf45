"""HTTP tasks in the table: sealed, bound to their rows, and the same again when they are opened."""

from __future__ import annotations

from base64 import b64encode
from uuid import UUID, uuid4

import msgspec
import pytest

from runner.errors import SecretError
from runner.http_tasks.model import (
    Answered,
    Certificate,
    Credentials,
    Field,
    HttpConfig,
    HttpRequest,
    HttpTask,
)
from runner.http_tasks.sealing import StoredAnswer, TaskSealing
from runner.service_settings import SecretKey
from runner.store.secrets import SecretBox

OWNER, ROW = uuid4(), UUID(int=7)
SEALING = TaskSealing(SecretBox([SecretKey(1, b"k" * 32)]))


def make_task() -> HttpTask:
    return HttpTask(
        request=HttpRequest(
            url="https://one.example/a?b=c",
            method="POST",
            headers={"X-Secret": "hidden"},
            data=[Field(name="n", value="größe")],
            auth_basic=Credentials(username="u", password="p"),
        ),
        config=HttpConfig(retry=3, cert=Certificate(value="upload:1", password="q")),
        metadata={"a": "b"},
    )


def in_column(value: object) -> str:
    return msgspec.json.encode(value).decode()


def test_a_task_comes_back_as_it_was() -> None:
    """What was sealed opens to the same, from the JSON that the column gives."""
    task = make_task()
    options = SEALING.seal(task, OWNER, ROW)
    assert SEALING.open(in_column(options), OWNER, ROW) == task


def test_nothing_of_a_task_can_be_read_in_the_table() -> None:
    """Neither its address nor its headers stand in the column, and two seals of one task are different."""
    options = SEALING.seal(make_task(), OWNER, ROW)
    assert "example" not in options
    assert options != SEALING.seal(make_task(), OWNER, ROW)


def test_a_row_in_another_place_is_refused() -> None:
    """Whoever copies a sealed request into a row of theirs gets nothing out of it."""
    options = in_column(SEALING.seal(make_task(), OWNER, ROW))
    with pytest.raises(SecretError):
        SEALING.open(options, uuid4(), ROW)
    with pytest.raises(SecretError):
        SEALING.open(options, OWNER, uuid4())


@pytest.mark.parametrize("options", [None, "null", '"%"', '"aGVsbG8="', "{}", "not JSON"])
def test_what_is_none_of_ours_is_refused(options: str | None) -> None:
    """A column that was written by hand is an error with words, whatever is in it."""
    with pytest.raises(SecretError):
        SEALING.open(options, OWNER, ROW)


@pytest.mark.parametrize("body", [b"", b"\0\xff", b"x" * 32_768])
def test_an_answer_comes_back_as_base64(body: bytes) -> None:
    """A body of any bytes opens to its base64, with its status."""
    stored = SEALING.seal_answer(Answered(status=404, body=body), OWNER, ROW)
    opened = SEALING.open_answer(in_column(stored), OWNER, ROW)
    assert opened == StoredAnswer(404, b64encode(body).decode())


def test_an_answer_without_a_body_has_none() -> None:
    """A response that is not kept is null; a row without a result has no status yet."""
    stored = SEALING.seal_answer(Answered(status=200, body=None), OWNER, ROW)
    assert stored == {"statusCode": 200, "response": None}
    assert SEALING.open_answer(in_column(stored), OWNER, ROW) == StoredAnswer(200, None)
    assert SEALING.open_answer(None, OWNER, ROW) == StoredAnswer(0, None)
