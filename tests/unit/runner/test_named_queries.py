"""SQL by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runner.store.named_queries import FOLDER, load_queries

if TYPE_CHECKING:
    from pathlib import Path


def test_a_section_is_a_statement(tmp_path: Path) -> None:
    """Comments inside stay, the semicolon goes."""
    (tmp_path / "a.sql").write_text(
        "-- About.\n\n-- name: one\n-- why\nSELECT 1;\n\n-- name: two\nSELECT 2\n"
    )
    assert load_queries("a", folder=tmp_path) == {"one": "-- why\nSELECT 1", "two": "SELECT 2"}


@pytest.mark.parametrize(
    "text", ["SELECT 1;\n-- name: one\nSELECT 1", "-- name: one\nSELECT 1\n-- name: one\nSELECT 2"]
)
def test_what_has_no_name_of_its_own_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.sql").write_text(text)
    with pytest.raises(ValueError, match=r"a\.sql"):
        load_queries("a", folder=tmp_path)


@pytest.mark.parametrize("topic", sorted(path.stem for path in FOLDER.glob("*.sql")))
def test_every_file_can_be_loaded(topic: str) -> None:
    """Names need to differ in what is loaded together; loading more fails when they do not."""
    assert load_queries(topic)
