"""Makes deployments of what the database holds: types stripped, secrets opened, bindings checked, limits filled in.

Must not know who asks for them.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from runner.bindings import (
    AssetsBinding,
    DatabaseBinding,
    DeployedAssets,
    KvBinding,
    ServiceBinding,
    StorageBinding,
    TasksBinding,
)
from runner.deployments import make_deployment, make_limits
from runner.errors import DeploymentError, NotResolvedError, SecretError
from runner.store.secrets import SecretPlace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from runner.bindings import Binding
    from runner.config import Settings
    from runner.deployments import Deployment
    from runner.store.lookup import ProjectRecord, ProjectRow, ValueRow, WorkerRecord, WorkerRow
    from runner.store.secrets import SecretBox
    from runner.store.versions import Code
    from runner.typescript import TypeStripper

_log = logging.getLogger(__name__)

_TYPESCRIPT: Final = (".ts", ".mts")
_FILES_OF_A_PROJECT: Final = Path(__file__).with_name("project_files.js")
ASSETS: Final = "ASSETS"


class AssetFolder(NamedTuple):
    """Static files of a worker on this machine."""

    binding: str
    folder: str


class Env(msgspec.Struct):
    """What rows make of ``env``."""

    variables: dict[str, str]
    secrets: dict[str, str]
    bindings: dict[str, Binding]


class Assembler:
    """Makes deployments."""

    def __init__(self, settings: Settings, stripper: TypeStripper, box: SecretBox) -> None:
        self._settings = settings
        self._stripper = stripper
        self._box = box
        self.asset_folders: dict[str, AssetFolder] = {}
        """By the worker's id. Only ``dev`` fills it: no row can lead to a folder of this machine."""

    async def worker(self, record: WorkerRecord) -> Deployment:
        """Return a worker's current deployment.

        Raises
        ------
        NotResolvedError
            It can not be run: it has no code, or a secret that does not open.

        """
        row, code = record.row, record.code
        if code is None:
            why = "has not been deployed yet"
            if row.version is not None:
                why = f"is of a kind that is not run here ({row.code_type})"
            raise NotResolvedError(502, f"the worker {row.name} {why}")
        main, files = await self._modules(code)
        env = self._env(row.name, row.tenant, record.values)
        _add_deployed(env, row, record.values)
        if (local := self.asset_folders.get(str(row.id))) is not None:
            env.bindings[local.binding] = AssetsBinding(folder=local.folder)
        return self._deployment(row, main, files, env)

    def project_files(self, record: ProjectRecord, priority: int) -> Deployment:
        """Return what serves the files of a project, as a worker of its tenant would.

        Raises
        ------
        NotResolvedError
            It does not say where they are.

        """
        project = record.row
        env = self._env(project.name, project.tenant, record.values)
        _add_deployed(env, project, record.values)
        found = env.bindings.get(ASSETS)
        if not isinstance(found, AssetsBinding):
            raise NotResolvedError(
                500, f"the project {project.name} has no {ASSETS} binding for its files"
            )
        return make_deployment(
            tenant=str(project.tenant),
            worker=str(project.id),
            name=project.name,
            main=_FILES_OF_A_PROJECT.name,
            files={_FILES_OF_A_PROJECT.name: _FILES_OF_A_PROJECT.read_text(encoding="utf-8")},
            # The original's priority 1: pages whose files have `.html` at the end.
            variables={"PAGES": "true" if priority == 1 else ""},
            limits=make_limits(
                cpu_ms=self._settings.cpu_time_limit_ms,
                wall_ms=self._settings.wall_clock_timeout_ms,
                ops=self._settings.op_limits,
            ),
            bindings={ASSETS: found},
        )

    def _deployment(self, row: WorkerRow, main: str, files: dict[str, str], env: Env) -> Deployment:
        settings = self._settings
        return make_deployment(
            tenant=str(row.tenant),
            worker=str(row.id),
            name=row.name,
            main=main,
            files=files,
            variables=env.variables,
            secrets=env.secrets,
            bindings=env.bindings,
            limits=make_limits(
                cpu_ms=settings.cpu_time_limit_ms if row.cpu_ms is None else row.cpu_ms,
                wall_ms=settings.wall_clock_timeout_ms if row.wall_ms is None else row.wall_ms,
                ops=settings.op_limits,
            ),
            warm=(row.context_reuse or settings.context_reuse) == "warm",
            version=row.version or 0,
            public=row.public,
        )

    async def _modules(self, code: Code) -> tuple[str, dict[str, str]]:
        """Return entry and files as V8 takes them; what was stripped when it was deployed is taken as it is."""
        files = code.files | code.stripped
        typed = {
            path: text
            for path, text in code.files.items()
            if path.endswith(_TYPESCRIPT) and path not in code.stripped
        }
        if not typed:
            return code.main, files
        try:
            return code.main, files | await self._stripper.strip(typed)
        except DeploymentError as error:
            return code.main, {code.main: failing_module(str(error))}

    def _env(self, owner: str, tenant: UUID, values: Sequence[ValueRow]) -> Env:
        env = Env({}, {}, {})
        try:
            for value in values:
                self._fill(env, owner, tenant, value)
        except SecretError as error:
            _log.error("%s can not be run: %s", owner, error)
            raise NotResolvedError(500, f"a secret of {owner} can not be opened") from error
        return env

    def _fill(self, env: Env, owner: str, tenant: UUID, row: ValueRow) -> None:
        if row.type == "var":
            env.variables[row.key] = row.value
            return
        if row.type == "secret":
            place = SecretPlace("environment_values", "value", tenant, row.id)
            env.secrets[row.key] = self._open(row.sealed, row.value, place)
            return
        binding = self._binding(tenant, row)
        if binding is None:
            _log.warning(
                "%s has no %s: its %s is gone, or another tenant's", owner, row.key, row.type
            )
            return
        env.bindings[row.key] = binding

    def _binding(self, tenant: UUID, row: ValueRow) -> Binding | None:
        if row.kv is not None:
            return KvBinding(str(row.kv))
        if row.service is not None:
            return ServiceBinding(str(row.service))
        if row.tasks is not None:
            return TasksBinding(str(row.tasks))
        if row.storage is not None:
            storage = self._storage(tenant, row.storage, row)
            return AssetsBinding(storage=storage) if row.type == "assets" else storage
        if row.database is not None and row.provider in {"platform", "postgres"}:
            return self._database(tenant, row.database, row)
        return None

    def _storage(self, tenant: UUID, number: UUID, row: ValueRow) -> StorageBinding:
        place = SecretPlace("storage_configs", "secret_access_key", tenant, number)
        secret = self._open(row.secret_access_key_sealed, row.secret_access_key or "", place)
        return StorageBinding(
            id=str(number),
            bucket=row.bucket or "",
            prefix=row.prefix or "",
            endpoint=row.endpoint or "",
            region=row.region or "",
            access_key_id=row.access_key_id or "",
            secret_access_key=secret,
        )

    def _database(self, tenant: UUID, number: UUID, row: ValueRow) -> DatabaseBinding:
        place = SecretPlace("database_configs", "connection_string", tenant, number)
        own = row.provider == "postgres"
        # Of a tenant's own server its URL, of ours the password of the tenant's role.
        secret = self._open(row.connection_string_sealed, row.connection_string or "", place)
        return DatabaseBinding(
            id=str(number),
            schema="" if own else row.schema_name or "",
            password="" if own else secret,
            url=secret if own else "",
            max_rows=row.max_rows or 0,
            timeout_s=row.timeout_seconds or 0,
        )

    def _open(self, sealed: bytes | None, clear: str, place: SecretPlace) -> str:
        """Return a secret; tools that know no sealed ones write them in clear text."""
        return clear if sealed is None else self._box.open(sealed, place)


def _add_deployed(env: Env, row: WorkerRow | ProjectRow, values: Sequence[ValueRow]) -> None:
    """Add the files of this version, if it has some, whatever manifests of other versions said; what was set by hand wins."""
    name = row.assets_binding
    if name is None or any(value.by_hand and value.key == name for value in values):
        return
    env.variables.pop(name, None)
    files = DeployedAssets(
        tenant=str(row.tenant), worker=str(row.id), version=row.version or 0, hash=row.hash or ""
    )
    env.bindings[name] = AssetsBinding(deployed=files)


def failing_module(reason: str) -> str:
    """Return a program that fails with the reason, so that a worker that can not be read answers like any other that fails."""
    return f"throw new SyntaxError({msgspec.json.encode(reason).decode()});"
