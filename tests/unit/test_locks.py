"""What is installed is what was locked, from whatever mirror."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = json.loads((ROOT / "snapshot/js/package-lock.json").read_text())["packages"]


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_python_packages_are_pinned_by_hash_and_not_by_address(name: str) -> None:
    """pip finds the packages at any index, and accepts no others."""
    lock = (ROOT / ".ci" / name).read_text()
    pins = re.findall(r"^(\S+==\S+).*\\\n    --hash=sha256:", lock, re.MULTILINE)

    assert len(pins) == len(re.findall(r"^\S+==", lock, re.MULTILINE)) > 0
    assert "://" not in lock
    assert not re.search(r"^(-i|-f|--(extra-)?index-url|--find-links)\b", lock, re.MULTILINE)


def test_what_runs_is_what_was_tested() -> None:
    """The lock of the runtime is a part of the lock of development."""
    runtime, dev = (
        set(re.findall(r"^\S+==\S+", (ROOT / ".ci" / name).read_text(), re.MULTILINE))
        for name in ("requirements.lock", "requirements-dev.lock")
    )

    assert runtime < dev


def test_javascript_packages_are_pinned_by_hash_and_not_by_address() -> None:
    """npm finds the packages at any registry, and accepts no others."""
    entries = {name: entry for name, entry in PACKAGES.items() if name}

    assert entries
    assert all("integrity" in entry and "resolved" not in entry for entry in entries.values())


def test_licences_of_javascript_packages_are_permissive() -> None:
    """Nothing is bundled, nor used for it, that would put conditions on Isolane's users."""
    allowed = {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"}

    others = {
        name: entry["license"]
        for name, entry in PACKAGES.items()
        if not allowed & set(entry["license"].split(" OR "))
    }

    assert not others
