"""Databases to back up and to restore into, and a server that speaks S3."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import httpx
import pytest
from moto.server import ThreadedMotoServer

from runner.backup.places import PlaceSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_numbers = count(1)


@pytest.fixture
def source(create_database: Callable[[str], str], template: str) -> str:
    """A database with the schema."""
    return create_database(template)


@pytest.fixture
def target(create_database: Callable[[str], str]) -> str:
    """A database with nothing."""
    return create_database("template1")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str) -> PlaceSettings:
    """A new bucket, below a path."""
    name = f"backups-{next(_numbers)}"
    assert httpx.put(f"{s3_server}/{name}", trust_env=False).status_code == 200
    return PlaceSettings(
        method="OBJECT_STORAGE",
        endpoint=s3_server,
        access_key="AKIDEXAMPLE",
        secret_key="hidden-secret",
        bucket=name,
        path="nightly",
    )
