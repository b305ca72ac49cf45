"""The V8 startup snapshot as a file: built when it is missing, checked whenever it is used.

The file's name carries a hash of all that it depends on: bundle, V8, flags, natives. It is built in a process of its own
(``python -m snapshot.build FILE [FLAG...]``), because V8 allows one blob per process.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from pools.errors import EngineError
from pools.v8 import blob as recipe
from pools.v8 import engine as v8_engine
from pools.v8.abi import STPYV8_VERSION
from pools.v8.natives import NAMES
from pools.v8.parcel import Parcel, pack
from snapshot.bundle import Bundle, read_bundle
from snapshot.errors import SnapshotError

_MAGIC: Final = b"ISOLANE V8 SNAPSHOT 1\n"
_WITHOUT_WASM: Final = frozenset({"--jitless", "--no-expose-wasm", "--noexpose-wasm"})
"""Flags with which V8 has no WebAssembly."""
_BUILD_TIMEOUT_S: Final = 60


class _Header(msgspec.Struct, frozen=True, array_like=True):
    identity: str
    blob_sha256: bytes
    blob_bytes: int


def identity_of(bundle: Bundle, flags: tuple[str, ...]) -> str:
    """Return the hash of everything that a snapshot depends on, as hexadecimal digits."""
    digest = hashlib.sha256()
    for part in (STPYV8_VERSION, *flags, *NAMES, bundle.core, bundle.warm_up):
        digest.update(part.encode() + b"\0")
    digest.update(Path(recipe.__file__).read_bytes())
    for name, text in sorted(bundle.rare.items()):
        digest.update(name.encode() + b"\0" + text.encode() + b"\0")
    return digest.hexdigest()[:32]


def ensure_snapshot(directory: Path, v8_flags: str = "", *, jitless: bool = False) -> Path:
    """Return the path of the snapshot for this code and these flags; it is built when it is missing.

    Raises
    ------
    SnapshotError
        It can not be built, or its folder belongs to, or may be written by, somebody else.
    BundleMissingError
        The JavaScript has not been bundled.

    """
    flags = v8_engine.flags_for(v8_flags, jitless=jitless)
    path = directory / f"snapshot-{identity_of(read_bundle(), flags)}.bin"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SnapshotError(
            f"The folder {directory} for the V8 snapshot can not be made ({error.strerror}). "
            "Set SNAPSHOT_DIR to one that you can write to."
        ) from error
    _check_owner(directory)
    if not path.exists():
        build_in_child(path, flags)
    return path


def build_in_child(path: Path, flags: tuple[str, ...]) -> None:
    """Build a snapshot file in a process of its own.

    Raises
    ------
    SnapshotError
        The build failed; the message holds its last words.

    """
    command = [sys.executable, "-I", "-m", "snapshot.build", os.fspath(path), *flags]
    try:
        result = subprocess.run(command, capture_output=True, check=False, timeout=_BUILD_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise SnapshotError(f"Building {path} took longer than {_BUILD_TIMEOUT_S} s.") from None
    if result.returncode != 0:
        words = result.stderr.decode(errors="replace").strip() or f"exit code {result.returncode}"
        raise SnapshotError(f"The V8 snapshot {path} could not be built: {words}")


def read_blob(path: Path, v8_flags: str = "", *, jitless: bool = False) -> bytes:
    """Return the checked blob of a snapshot file.

    Raises
    ------
    SnapshotError
        The file is missing, damaged, of another Isolane or V8 or of other flags, or writable by others.

    """
    flags = v8_engine.flags_for(v8_flags, jitless=jitless)
    advice = "Delete it and run: isolane snapshot"
    try:
        _check_owner(path)
        data = path.read_bytes()
    except FileNotFoundError:
        raise SnapshotError(f"There is no snapshot at {path}. Run: isolane snapshot") from None
    if not data.startswith(_MAGIC):
        raise SnapshotError(f"{path} is no Isolane snapshot. {advice}")
    length_end = len(_MAGIC) + 4
    header_end = length_end + int.from_bytes(data[len(_MAGIC) : length_end], "little")
    try:
        header = msgspec.msgpack.decode(data[length_end:header_end], type=_Header)
    except msgspec.DecodeError:
        raise SnapshotError(
            f"The snapshot {path} is damaged: its header can not be read. {advice}"
        ) from None
    blob = data[header_end:]
    if len(blob) != header.blob_bytes or hashlib.sha256(blob).digest() != header.blob_sha256:
        raise SnapshotError(
            f"The snapshot {path} is damaged: its content does not match its checksum. {advice}"
        )
    if header.identity != identity_of(read_bundle(), flags):
        raise SnapshotError(
            f"The snapshot {path} was made by another version of Isolane or V8, or with other V8 flags. {advice}"
        )
    return blob


def open_blob(path: Path, v8_flags: str = "", *, jitless: bool = False) -> int:
    """Return a descriptor of an unnamed file in memory that holds the checked blob, for hosts to inherit.

    Raises
    ------
    SnapshotError
        As :func:`read_blob`.

    """
    blob = read_blob(path, v8_flags, jitless=jitless)
    fd = os.memfd_create("isolane-snapshot", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(blob)
    return fd


def _check_owner(path: Path) -> None:
    """Refuse what another user could have put there: a snapshot is code that every isolate runs."""
    status = path.stat()
    if status.st_uid not in (os.geteuid(), 0) or status.st_mode & 0o022:
        raise SnapshotError(
            f"{path} belongs to, or can be written by, another user: a snapshot from there is not to be trusted. "
            f"Use a folder of your own with mode 700."
        )


def _write(path: Path, flags: tuple[str, ...]) -> None:
    """Build in this process, and put the file in its place in one step."""
    bundle = read_bundle()
    scripts = {name: text.encode() for name, text in bundle.rare.items()}
    blob = pack(
        Parcel(
            recipe.create_blob(
                v8_engine.start(flags, None),
                bundle.core,
                bundle.warm_up,
                wasm=_WITHOUT_WASM.isdisjoint(flags),
            ),
            scripts,
        )
    )
    header = msgspec.msgpack.encode(
        _Header(identity_of(bundle, flags), hashlib.sha256(blob).digest(), len(blob))
    )
    fd, temporary = tempfile.mkstemp(dir=path.parent, prefix=".snapshot-")
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(_MAGIC + len(header).to_bytes(4, "little") + header + blob)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def main(arguments: list[str]) -> int:
    """Build the snapshot FILE with the given V8 flags; for :func:`build_in_child`."""
    path, *flags = arguments
    try:
        _write(Path(path), tuple(flags))
    except (EngineError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stderr.flush()
    # V8's creator of snapshots is not taken down in order: the process ends here.
    os._exit(code)
