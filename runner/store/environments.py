"""What workers find in ``env``: variables, sealed secrets, and bindings to what the tenant has."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, assert_never
from uuid import UUID, uuid4

import msgspec

from runner.errors import NotFoundError, RefusedError
from runner.store.configs import Configs
from runner.store.secrets import SecretPlace
from runner.store.tenants import as_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.store.database import Statements
    from runner.store.secrets import SecretBox

ValueType: TypeAlias = Literal[
    "var", "secret", "kv", "storage", "database", "service", "assets", "tasks"
]

_KEY: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$.-]{0,254}")
_NOT_KEYS: Final = frozenset({"__proto__", "constructor", "prototype"})
_MAX_VALUE_BYTES: Final = 5120


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``environments``."""

    id: UUID
    name: str
    tenant: UUID
    made_for: UUID | None
    """The one worker that it goes with."""
    created_at: datetime


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``environment_values``, as it may be shown."""

    id: UUID
    key: str
    type: str
    value: str | None
    """A variable's text or a binding's id; None for a secret."""
    target: str | None
    """The name of what a binding leads to; None when that is gone."""
    from_manifest: bool
    updated_at: datetime


class Environments:
    """Reads and writes environments of a tenant."""

    def __init__(self, statements: Statements, box: SecretBox) -> None:
        self._statements = statements
        self._box = box

    async def all(self, tenant: UUID) -> list[Environment]:
        return await self._statements.all(Environment, "environments", tenant=tenant)

    async def of_worker(self, tenant: UUID, worker: UUID, name: str | None) -> UUID:
        """Return a worker's environment, or its project's; one is made for it when it has none."""
        found = await self._statements.value("environment_of_worker", tenant=tenant, worker=worker)
        if found is None:
            for candidate in (name or f"{worker}", f"{name}-{worker}"):
                values = {"tenant": tenant, "name": candidate, "made_for": worker}
                found = await self._statements.value("add_environment", **values)
                if found is not None:
                    break
            await self._statements.run("link_environment", worker=worker, environment=found)
        assert isinstance(found, UUID)
        return found

    async def values(self, tenant: UUID, environment: UUID) -> list[Value]:
        return await self._statements.all(Value, "values", tenant=tenant, environment=environment)

    async def set(
        self, tenant: UUID, environment: UUID, key: str, kind: ValueType, value: str
    ) -> None:
        """Set a value by hand. ``value`` is a text, or the name or id of what a binding leads to.

        Raises
        ------
        NotFoundError
            There is no such environment, or what the binding leads to is not there, or not the tenant's.
        RefusedError
            That is no key, or the text is too long.

        """
        check_key(key)
        await self._lock(tenant, environment)
        stored, sealed = await self._target(tenant, kind, value), None
        place = {"tenant": tenant, "environment": environment, "key": key}
        row = await self._statements.value("value_id", **place) or uuid4()
        if kind == "secret":
            sealed = self._box.seal(stored, SecretPlace("environment_values", "value", tenant, row))
            stored = ""
        await self._statements.run(
            "set_value", id=row, type=_column(kind), value=stored, sealed=sealed, **place
        )

    async def unset(self, tenant: UUID, environment: UUID, key: str) -> None:
        """Remove a value.

        Raises
        ------
        NotFoundError
            There is none.

        """
        values = {"tenant": tenant, "environment": environment, "key": key}
        if await self._statements.run("unset_value", **values) == 0:
            raise NotFoundError("value", key)

    async def apply_manifest(
        self,
        tenant: UUID,
        worker: UUID,
        environment: UUID,
        values: Mapping[str, tuple[ValueType, str]],
    ) -> None:
        """Make a worker's manifest true: what it said before and says no more is removed.

        What was set by hand stays as it is.
        """
        await self._lock(tenant, environment)
        targets: dict[str, tuple[ValueType, str]] = {}
        for key, (kind, value) in values.items():
            check_key(key)
            try:
                targets[key] = kind, await self._target(tenant, kind, value)
            except NotFoundError as error:
                raise RefusedError(f"{key}: {error}") from error
        await self._statements.run(
            "unset_manifest_values", tenant=tenant, worker=worker, keys=list(targets)
        )
        for key, (kind, value) in targets.items():
            await self._statements.run(
                "set_manifest_value",
                tenant=tenant,
                worker=worker,
                environment=environment,
                key=key,
                type=_column(kind),
                value=value,
            )

    async def delete(self, tenant: UUID, environment: UUID) -> None:
        values = {"tenant": tenant, "environment": environment}
        if await self._statements.run("delete_environment", **values) == 0:
            raise NotFoundError("environment", str(environment))

    async def _lock(self, tenant: UUID, environment: UUID) -> None:
        values = {"tenant": tenant, "environment": environment}
        if await self._statements.value("lock_environment", **values) is None:
            raise NotFoundError("environment", str(environment))

    async def _target(self, tenant: UUID, kind: ValueType, value: str) -> str:
        """Return what the column holds: the text, or the id of what the tenant may bind."""
        configs = Configs(self._statements, self._box)
        match kind:
            case "var" | "secret":
                if len(value.encode()) > _MAX_VALUE_BYTES:
                    raise RefusedError(f"a value may have up to {_MAX_VALUE_BYTES} bytes")
                return value
            case "kv":
                return str((await configs.get_kv(tenant, value)).id)
            case "storage" | "assets":
                return str((await configs.get_storage(tenant, value)).id)
            case "database":
                return str((await configs.get_database(tenant, value)).id)
            case "service":
                found = await self._statements.value(
                    "callable_worker", tenant=tenant, id=as_id(value), name=value
                )
                if found is None:
                    raise NotFoundError("worker", value)
                return str(found)
            case "tasks":
                # Another tenant's worker takes no tasks, even when it is public.
                found = await self._statements.value(
                    "worker", tenant=tenant, id=as_id(value), name=value
                )
                if found is None:
                    raise NotFoundError("worker", value)
                return str(found)
            case _:
                assert_never(kind)


def check_key(key: str) -> None:
    """Refuse what is no name in ``env``.

    Raises
    ------
    RefusedError
        It is none.

    """
    if not _KEY.fullmatch(key) or key in _NOT_KEYS:
        raise RefusedError(
            f"{key[:64]!r} is no name in env: letters, digits, '_', '$', '.' and '-' are allowed"
        )


def _column(kind: ValueType) -> str:
    return "worker" if kind == "service" else kind
