"""Opens the place of backups that the settings name."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from runner.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from runner.backup.place import Place
    from runner.config import Settings


class PlaceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where backups are kept."""

    method: Literal["LOCAL", "OBJECT_STORAGE"] = "LOCAL"
    folder: str = "backups"
    endpoint: str = ""
    access_key: str = ""
    secret_key: str = ""
    session_token: str = ""
    bucket: str = ""
    path: str = ""
    region: str = ""

    def __repr__(self) -> str:
        return f"PlaceSettings({self.method})"


def place_settings(settings: Settings) -> PlaceSettings:
    """Return the place that the environment names.

    Raises
    ------
    ConfigError
        Object storage lacks something.

    """
    said = PlaceSettings(
        method=settings.backup_method,
        folder=str(settings.backup_folder.absolute()),
        endpoint=settings.backup_endpoint,
        access_key=settings.backup_access_key,
        secret_key=settings.backup_secret_key,
        session_token=settings.backup_session_token,
        bucket=settings.backup_bucket,
        path=settings.backup_path,
        region=settings.backup_region,
    )
    needed = {
        "ACCESS_KEY": said.access_key,
        "SECRET_KEY": said.secret_key,
        "BUCKET_NAME": said.bucket,
    }
    missing = [f"BACKUP_OBJECT_STORAGE_{name}" for name, value in needed.items() if not value]
    if said.method == "OBJECT_STORAGE" and missing:
        raise ConfigError("BACKUP_METHOD", said.method, f"it needs {', '.join(missing)}")
    return said


@asynccontextmanager
async def open_place(said: PlaceSettings) -> AsyncIterator[Place]:
    """Open it.

    Raises
    ------
    BackupPlaceError
        The settings name no bucket.

    """
    if said.method == "LOCAL":
        from runner.backup.folder import BackupFolder

        yield BackupFolder(Path(said.folder))
        return
    from runner.backup.bucket import BackupBucket
    from runner.bindings import StorageBinding
    from runner.ops.addresses import AddressPolicy
    from runner.ops.transport import GuardedTransport

    binding = StorageBinding(
        id="backup",
        bucket=said.bucket,
        prefix=said.path,
        endpoint=said.endpoint,
        region=said.region,
        access_key_id=said.access_key,
        secret_access_key=said.secret_key,
    )
    # The operator's own address, wherever it is.
    transport = GuardedTransport(AddressPolicy(allow_all=True), 4)
    try:
        yield BackupBucket(transport, binding, said.session_token)
    finally:
        await transport.aclose()
