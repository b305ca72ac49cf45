"""Bodies for registrations, and how they are read in these tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import HealthCheck, settings

from runner.http_tasks.certificate_files import CertificateFiles
from runner.tasks_server.errors import Refused
from runner.tasks_server.registration import read_registration

if TYPE_CHECKING:
    from runner.http_tasks.model import HttpTask

NOW_MS = 1_795_000_000_000
"""In November 2026."""
CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For machines that have other things to do."""
NO_FILES = CertificateFiles()


def asked(part: str = "", field: str = "", value: object = None, **rest: object) -> dict[str, Any]:
    """A body with one field set; ``rest`` are more of the same part."""
    body: dict[str, Any] = {
        "httpRequest": {"url": "https://example.com/hook", "method": "POST"},
        "config": {},
    }
    if part:
        body[part][field] = value
        body[part].update(rest)
    return body


def register(body: object, files: CertificateFiles = NO_FILES) -> HttpTask:
    return read_registration(msgspec.json.encode(body), NOW_MS, files)


def refusal(body: object, files: CertificateFiles = NO_FILES) -> Any:
    """What is wrong with a body; None: nothing."""
    try:
        register(body, files)
    except Refused as refused:
        return refused.message
    return None


def messages(tree: Any, *path: str) -> list[str]:
    """The messages at a place of an error tree."""
    for name in path:
        tree = tree[name]
    found: list[str] = tree["_errors"]
    return found
