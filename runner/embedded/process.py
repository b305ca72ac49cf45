"""A server's process and its folder: started, watched, stopped, and never two in one folder.

Must not know which server it is.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

from runner.errors import EmbeddedServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_Found = TypeVar("_Found")

_LAUNCHER: Final = Path(__file__).with_name("launcher.py")
_ENVIRON: Final = {"LC_ALL": "C.UTF-8", "TZ": "UTC"}
_NO_VARIABLES: Final[Mapping[str, str]] = MappingProxyType({})
_POLL_S: Final = 0.005
_LOCK_WAIT_S: Final = 5.0
_LOG_KEPT: Final = 4 << 20
_LAST_WORDS: Final = 2000


class ServiceFolder:
    """Where one server keeps its state. Open, it is ours alone: ``close`` gives it back.

    The lock is inherited by the server and its children, so it is free only when the last of them has ended, however its
    parent died; who holds it may remove what a killed predecessor left.
    """

    def __init__(self, service: str, path: Path) -> None:
        self.service = service
        self.path = path.absolute()
        self.log = self.path / "log"
        self.lock_fd = -1

    async def open(self) -> None:
        """Make the folder and take it, waiting for the end of a predecessor whose parent was killed.

        Raises
        ------
        EmbeddedServiceError
            Another process uses it, or it can not be written.

        """
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.lock_fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if self.log.exists() and self.log.stat().st_size > _LOG_KEPT:
                os.truncate(self.log, 0)
        except OSError as error:
            reason = f"can not write {error.filename}: {error.strerror}"
            raise EmbeddedServiceError(self.service, reason, self.log) from error
        deadline = time.monotonic() + _LOCK_WAIT_S
        while not self._try_lock():
            if time.monotonic() > deadline:
                self.close()
                reason = f"{self.path} is in use by another process; stop it, or use another folder"
                raise EmbeddedServiceError(self.service, reason, self.log)
            await asyncio.sleep(_POLL_S)

    def last_words(self) -> str:
        """Return the last line of the log, which mostly says why a program ended."""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - _LAST_WORDS))
            lines = log.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "no word")

    def close(self) -> None:
        if self.lock_fd >= 0:
            os.close(self.lock_fd)
            self.lock_fd = -1

    def _try_lock(self) -> bool:
        try:
            fcntl.flock(self.lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class ServiceProcess:
    """A running program that gets ``stop_signal`` when it shall stop, and when its parent dies."""

    def __init__(
        self,
        folder: ServiceFolder,
        command: list[str],
        stop_signal: signal.Signals,
        uid: int,
        *,
        variables: Mapping[str, str] = _NO_VARIABLES,
    ) -> None:
        self._folder = folder
        self._stop_signal = stop_signal
        shim = [sys.executable, "-I", "-S", str(_LAUNCHER)]
        with folder.log.open("ab") as log:
            # A session of its own: a terminal's Ctrl-C reaches the parent alone.
            self._process = subprocess.Popen(
                [*shim, str(os.getpid()), str(int(stop_signal)), str(uid), *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**_ENVIRON, **variables},
                cwd="/",
                pass_fds=(folder.lock_fd,),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait(self) -> int:
        """Wait for the program's end; return its exit code, negative for a signal."""
        while (code := self._process.poll()) is None:
            pidfd = os.pidfd_open(self.pid)
            ended = asyncio.Event()
            loop = asyncio.get_running_loop()
            loop.add_reader(pidfd, ended.set)
            try:
                await ended.wait()
            finally:
                loop.remove_reader(pidfd)
                os.close(pidfd)
        return code

    async def finish(self, within_s: float) -> None:
        """Wait for a program that ends by itself.

        Raises
        ------
        EmbeddedServiceError
            It failed, or takes too long.

        """
        try:
            async with asyncio.timeout(within_s):
                code = await self.wait()
        except TimeoutError:
            code = None
        finally:
            await self.stop(grace_s=0)
        if code != 0:
            reason = f"it took over {within_s:.0f} s" if code is None else self._ended(code)
            raise EmbeddedServiceError(self._folder.service, reason, self._folder.log)

    async def become_ready(self, look: Callable[[], _Found | None], within_s: float) -> _Found:
        """Call ``look`` until it returns something.

        Raises
        ------
        EmbeddedServiceError
            The program ended, or does not get ready in time.

        """
        deadline = time.monotonic() + within_s
        while (found := look()) is None:
            if (code := self._process.poll()) is not None:
                raise EmbeddedServiceError(
                    self._folder.service, self._ended(code), self._folder.log
                )
            if time.monotonic() > deadline:
                reason = f"it was not ready after {within_s:.0f} s"
                raise EmbeddedServiceError(self._folder.service, reason, self._folder.log)
            await asyncio.sleep(_POLL_S)
        return found

    def _ended(self, code: int) -> str:
        return f"it ended with exit code {code} ({self._folder.last_words()})"

    async def stop(self, grace_s: float = 10.0) -> None:
        """Ask the program to end; kill it when ``grace_s`` are over. Returns when it has ended."""
        if self._process.poll() is None:
            self._process.send_signal(self._stop_signal)
        try:
            async with asyncio.timeout(grace_s):
                await self.wait()
        except TimeoutError:
            os.killpg(self.pid, signal.SIGKILL)
            await self.wait()


def find_program(package: str, ending: str) -> str:
    """Return the path of a program in an installed package, without importing the package.

    Raises
    ------
    EmbeddedServiceError
        The package is not installed, or has no such program on this platform.

    """
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        if str(file).endswith(ending):
            return str(Path(str(file.locate())).resolve())
    reason = (
        f"the package {package} is not installed, or not for this platform;"
        " DATABASE_URL and NATS_SERVERS name servers that run elsewhere"
    )
    raise EmbeddedServiceError(package, reason, None)


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else could ever read, in place of the one there may be."""
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)
