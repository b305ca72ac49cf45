"""What a tenant gave a worker in ``env``, as the runner sees it: where each binding leads, with what it takes to get there.

JavaScript and hosts get the binding's name and kind alone. Must not know how anything is reached.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class KvBinding(msgspec.Struct, frozen=True, tag="kv", gc=False):
    """A namespace of ``kv_data``."""

    namespace: str
    """Its id."""


class StorageBinding(msgspec.Struct, frozen=True, kw_only=True, tag="storage", gc=False):
    """A bucket of an S3-compatible server, or what begins with ``prefix`` in it."""

    id: str
    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    access_key_id: str
    secret_access_key: str

    def __repr__(self) -> str:
        return f"StorageBinding({self.id})"


class DatabaseBinding(msgspec.Struct, frozen=True, kw_only=True, tag="database", gc=False):
    """A database on our own server (``schema``, and the ``password`` of its role), or a tenant's own server (``url``)."""

    id: str
    schema: str = ""
    password: str = ""
    url: str = ""
    max_rows: int = 1000
    timeout_s: int = 30

    def __repr__(self) -> str:
        return f"DatabaseBinding({self.id})"


class ServiceBinding(msgspec.Struct, frozen=True, tag="service", gc=False):
    """Another worker."""

    worker: str
    """Its id."""


class DeployedAssets(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The static files of one version of a worker. Ids are UUIDs."""

    tenant: str
    worker: str
    version: int
    hash: str
    """Of code and files: a worker that was removed and made again counts its versions anew."""


class AssetsBinding(msgspec.Struct, frozen=True, kw_only=True, tag="assets", gc=False):
    """Static files: a folder of this machine (``dev``), object storage, or those that were deployed."""

    folder: str = ""
    storage: StorageBinding | None = None
    deployed: DeployedAssets | None = None


class TasksBinding(msgspec.Struct, frozen=True, tag="tasks", gc=False):
    """Durable tasks for a worker of the same tenant, often the one that has the binding."""

    worker: str
    """Its id."""


Binding: TypeAlias = (
    KvBinding | StorageBinding | DatabaseBinding | ServiceBinding | AssetsBinding | TasksBinding
)


def kind_of(binding: Binding) -> str:
    """Return the name that ``env`` and ``environment_values`` have for this kind of binding."""
    tag = binding.__struct_config__.tag
    assert isinstance(tag, str)
    return tag
