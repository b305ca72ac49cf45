"""Names of tasks, and of owners: each leads back to where it came from, and to nothing else."""

from __future__ import annotations

from uuid import UUID

import pytest

from runner.http_tasks.ids import queue_id, task_of
from runner.tasks.enqueuing import TaskIds
from runner.tasks_server.ids import new_ulid, read_ulid, write_ulid


def test_a_task_is_found_by_its_name() -> None:
    """In letters of either size; the name has 24 characters, A to Z and 0 to 9."""
    ids = TaskIds()
    for task in (*(ids.make() for _ in range(200)), UUID("00000000-0000-7000-8000-000000000000")):
        name = queue_id(task)
        assert len(name) == 24
        assert name.isalnum()
        assert name == name.upper()
        assert task_of(name) == task
        assert task_of(name.lower()) == task


def test_the_last_id_has_a_name_too() -> None:
    last = UUID("ffffffff-ffff-7fff-bfff-ffffffffffff")
    assert task_of(queue_id(last)) == last


@pytest.mark.parametrize(
    "name", ["", "A" * 23, "A" * 25, "-" * 24, "_" * 24, "Z" * 24, "Ä" * 24, "١" * 24]
)
def test_other_names_lead_to_no_task(name: str) -> None:
    """Among them those of 24 characters that stand for more than an id has."""
    assert task_of(name) is None


def test_an_owner_is_found_by_its_ulid() -> None:
    for _ in range(200):
        owner = new_ulid()
        text = write_ulid(owner)
        assert len(text) == 26
        assert read_ulid(text) == owner
        assert read_ulid(text.lower()) == owner


def test_a_ulid_is_written_as_everywhere() -> None:
    """The example of https://github.com/ulid/spec has this time."""
    assert write_ulid(UUID(int=1469918176385 << 80)) == "01ARYZ6S410000000000000000"


@pytest.mark.parametrize("text", ["", "0" * 25, "8" + "0" * 25, "I" * 26, "é" * 26])
def test_other_texts_are_no_ulid(text: str) -> None:
    assert read_ulid(text) is None
