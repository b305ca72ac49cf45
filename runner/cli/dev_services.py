"""What ``isolane dev`` brings along: PostgreSQL with the schema, NATS, and a key for secrets.

Servers that the settings name are used as they are; the others are started, with their state in the folder of ``dev``.
"""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

import msgspec

from runner.embedded.process import ServiceFolder, write_private
from runner.errors import EmbeddedServiceError
from runner.service_settings import parse_secrets_key

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path
    from typing import Self

    from runner.config import Settings
    from runner.embedded.service import Service
    from runner.service_settings import SecretKey

_EMBEDDED: Final = {"postgres": "PostgreSQL", "nats": "NATS"}
_NAMES: Final = {"database_url": "PostgreSQL", "nats_servers": "NATS"}


class DevServices:
    """Starts while the caller does other things; ``ready`` waits for it. ``async with`` stops what it started."""

    def __init__(self, settings: Settings, state: Path) -> None:
        self._settings = settings
        self._state = state
        self._stack = AsyncExitStack()
        self._opening: asyncio.Task[Settings] | None = None
        self._started: dict[str, Service] = {}

    async def __aenter__(self) -> Self:
        self._state.mkdir(mode=0o700, exist_ok=True)
        self._opening = asyncio.create_task(self._open(), name="services")
        return self

    async def ready(self) -> Settings:
        """Return the settings, with what was started in them.

        Raises
        ------
        EmbeddedServiceError
            A server of our own does not start.
        DatabaseUnavailableError
            The database that is set can not be reached.
        MigrationError
            It can not be brought to our schema.

        """
        assert self._opening is not None
        return await self._opening

    async def lost(self) -> EmbeddedServiceError:
        """Wait until a server that was started has ended by itself; return what became of it."""
        if not self._started:
            await asyncio.get_running_loop().create_future()
        watching = {
            asyncio.create_task(service.process.wait(), name=f"watch {name}"): name
            for name, service in self._started.items()
        }
        try:
            done, _ = await asyncio.wait(watching, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in watching:
                task.cancel()
            await asyncio.wait(watching)
        ended = done.pop()
        name = watching[ended]
        reason = f"it ended with exit code {ended.result()}; start isolane dev again"
        return EmbeddedServiceError(name, reason, self._started[name].log)

    async def __aexit__(self, *error: object) -> None:
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        await self._stack.aclose()

    async def _open(self) -> Settings:
        # Neither the driver nor the server's files concern the commands that need no services.
        from runner.embedded.nats import open_nats
        from runner.embedded.postgres import open_postgres
        from runner.embedded.service import open_together
        from runner.store.migrate import Migrator
        from runner.store.pool import connect

        settings = self._settings
        missing: dict[str, AbstractAsyncContextManager[Service]] = {}
        if not settings.database_url:
            missing["database_url"] = open_postgres(self._state / "postgres")
        if not settings.nats_servers:
            missing["nats_servers"] = open_nats(self._state / "nats")
        services = await self._stack.enter_async_context(open_together(*missing.values()))
        urls = dict(zip(missing, (service.url for service in services), strict=True))
        names = (_NAMES[field] for field in missing)
        self._started = dict(zip(names, services, strict=True))
        database_url = urls.get("database_url", settings.database_url)
        async with connect(database_url) as connection:
            await Migrator(connection).up()
        nats_url = urls.get("nats_servers")
        return msgspec.structs.replace(
            settings,
            database_url=database_url,
            nats_servers=(nats_url,) if nats_url else settings.nats_servers,
            secrets_keys=settings.secrets_keys or _secrets_keys(self._state),
        )


async def forget(state: Path) -> None:
    """Remove the state of the last time.

    Raises
    ------
    EmbeddedServiceError
        A ``dev`` runs in it.

    """
    folders = [
        ServiceFolder(name, state / folder)
        for folder, name in _EMBEDDED.items()
        if (state / folder).exists()
    ]
    try:
        for folder in folders:
            await folder.open()
        shutil.rmtree(state, ignore_errors=True)
    finally:
        for folder in folders:
            folder.close()


def _secrets_keys(state: Path) -> tuple[SecretKey, ...]:
    """Return the key of this folder, made when there is none."""
    path = state / "secrets.key"
    if not path.exists():
        write_private(path, base64.b64encode(os.urandom(32)).decode() + "\n")
    return parse_secrets_key(path.read_text(encoding="ascii").strip())
