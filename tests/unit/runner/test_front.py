"""Which requests get the front page of `dev`."""

from __future__ import annotations

import pytest

from runner.ingress.host_names import is_private


@pytest.mark.parametrize(
    ("host", "machine"),
    [
        ("127.0.0.1:8080", True),
        ("10.0.0.7", True),
        ("[::1]:8080", True),
        ("LocalHost:8080", True),
        ("workers.dev.localhost:8080", True),
        ("laptop:8080", True),
        ("laptop.local", True),
        ("runner.default.svc.cluster.local:8080", True),
        ("shop.example", False),
        ("localhost.example", False),
        ("1.example:8080", False),
    ],
)
def test_names_that_may_be_a_workers_domain_get_none(host: str, *, machine: bool) -> None:
    assert is_private(host) is machine
