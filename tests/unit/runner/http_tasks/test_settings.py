"""What the variables of HTTP tasks may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.config import load_settings
from runner.errors import ConfigError
from runner.tasks_server.ids import new_ulid, write_ulid

NOWHERE = Path("/nonexistent")


def test_each_owner_has_its_networks() -> None:
    """Several of them, also in several parts."""
    one, two = new_ulid(), new_ulid()
    text = f"{write_ulid(one)}=10.0.0.0/8+loopback, {write_ulid(two)}=fd00::/8,{write_ulid(one)}=192.168.1.5"  # fmt: skip
    settings = load_settings({"HTTP_TASKS_ALLOWED_NETWORKS": text}, NOWHERE)
    assert settings.http_tasks_networks == {
        one: ("10.0.0.0/8", "loopback", "192.168.1.5"),
        two: ("fd00::/8",),
    }


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("HTTP_TASKS_CONCURRENCY", "-1"),
        ("HTTP_TASKS_CONCURRENCY", "10001"),
        ("HTTP_TASKS_ALLOWED_NETWORKS", "alice=10.0.0.0/8"),
        ("HTTP_TASKS_ALLOWED_NETWORKS", "10.0.0.0/8"),
        ("HTTP_TASKS_ALLOWED_NETWORKS", "01ARZ3NDEKTSV4RRFFQ69G5FAV=10.0.0.0/33"),
        ("CONNECTIVITY_HOSTNAME", "a b"),
    ],
)
def test_a_wrong_value_stops_the_start_and_says_what_is_allowed(variable: str, text: str) -> None:
    with pytest.raises(ConfigError, match=f"{variable}.*is allowed"):
        load_settings({variable: text}, NOWHERE)
