"""The snapshot file: built when missing, checked when used, refused when in doubt."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from snapshot.build import build_in_child, ensure_snapshot, open_blob, read_blob
from snapshot.errors import SnapshotError


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot in a folder of its own."""
    return ensure_snapshot(tmp_path_factory.mktemp("snapshots") / "deep" / "folder")


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    path = tmp_path / built.name
    path.write_bytes(built.read_bytes())
    path.chmod(0o600)
    return path


def test_it_is_built_once(built: Path) -> None:
    """The second call finds the file of the first."""
    before = built.stat().st_mtime_ns
    assert ensure_snapshot(built.parent) == built
    assert built.stat().st_mtime_ns == before
    assert built.stat().st_mode & 0o777 == 0o600


def test_flags_are_part_of_its_identity(built: Path) -> None:
    """Another set of V8 flags is another snapshot, and the one is refused for the other."""
    other = ensure_snapshot(built.parent, "--stack-size=500")
    jitless = ensure_snapshot(built.parent, jitless=True)
    assert len({built, other, jitless}) == 3
    with pytest.raises(SnapshotError, match="with other V8 flags"):
        read_blob(built, "--stack-size=500")


def test_open_blob_gives_an_unnamed_file(built: Path) -> None:
    """Hosts inherit a descriptor; the file on disk may go away."""
    fd = open_blob(built)
    try:
        assert os.pread(fd, 1 << 24, 0) == read_blob(built)
    finally:
        os.close(fd)


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    """No traceback of an open() call."""
    with pytest.raises(SnapshotError, match=r"There is no snapshot at .* Run: isolane snapshot"):
        read_blob(tmp_path / "none.bin")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: b"", "is no Isolane snapshot"),
        (lambda data: b"\x7fELF" + data, "is no Isolane snapshot"),
        (lambda data: data[:30], "its header can not be read"),
        (lambda data: data[:-100], "does not match its checksum"),
        (lambda data: data[:5000] + b"\xff" + data[5001:], "does not match its checksum"),
    ],
    ids=["empty", "foreign", "header", "truncated", "one-byte"],
)
def test_a_damaged_file_is_refused(copy: Path, damage: object, message: str) -> None:
    """V8 would crash on it, or run what somebody else wrote."""
    assert callable(damage)
    copy.write_bytes(damage(copy.read_bytes()))
    with pytest.raises(SnapshotError, match=f"{message}.*Delete it and run: isolane snapshot"):
        read_blob(copy)


def test_what_others_can_write_is_refused(copy: Path, tmp_path: Path) -> None:
    """A snapshot is code that every isolate runs: neither file nor folder may be open to others."""
    copy.chmod(0o666)
    with pytest.raises(SnapshotError, match="can be written by, another user"):
        read_blob(copy)
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(SnapshotError, match="can be written by, another user"):
        ensure_snapshot(folder)


def test_a_build_that_fails_says_why(tmp_path: Path) -> None:
    """The child's last words are in the message, and no half file is left."""
    with pytest.raises(SnapshotError, match=r"V8 .* does not know: --no-such-flag"):
        build_in_child(tmp_path / "snapshot.bin", ("--no-such-flag",))
    assert not list(tmp_path.iterdir())


def test_v8_is_started_before_any_thread() -> None:
    """On some CPUs a thread that is older than V8 crashes in it: the start refuses to try."""
    script = (
        "import threading, pools.v8.engine as engine\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "try: engine.start((), None)\n"
        "except engine.EngineError as error: print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert b"before any other thread exists" in run.stdout
