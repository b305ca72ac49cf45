"""A deployment: one version of a worker's code, with what it runs under. Made once, handed to every lane that needs it.

Must not know where code comes from.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING, Final

import msgspec

from pools.protocol import Deploy, Limits
from runner.bindings import kind_of
from runner.masking import spellings
from runner.ops.limits import OpLimits, limits_json, read_limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.bindings import Binding
    from runner.ops.limits import OpLimit


_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_DNS, "workers.dev.localhost")


class Deployment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Everything an execution needs to know of its worker."""

    key: str
    """Names this code with this environment; differs between tenants and workers."""
    tenant: str
    worker: str
    """The worker's id."""
    name: str
    main: str
    files: dict[str, str]
    env: bytes
    limits: Limits
    op_limits: OpLimits
    """Those of ``limits``, to be checked again here."""
    warm: bool = False
    version: int = 0
    """Of the worker's deployments; 0 for one that is stored nowhere."""
    public: bool = False
    """Other tenants' workers may call it."""
    bindings: dict[str, Binding] = {}
    """By their names in ``env``."""
    secrets: tuple[str, ...] = ()
    """Texts that must not appear in logs, as :func:`runner.masking.spellings` has them."""

    def deploy(self, caches: dict[str, bytes]) -> Deploy:
        return Deploy(self.key, self.main, self.files, self.env, caches)


def make_deployment(
    *,
    tenant: str,
    worker: str,
    name: str,
    main: str,
    files: dict[str, str],
    variables: Mapping[str, str],
    limits: Limits,
    warm: bool = False,
    version: int = 0,
    public: bool = False,
    bindings: Mapping[str, Binding] | None = None,
    secrets: Mapping[str, str] | None = None,
) -> Deployment:
    """Return the deployment; the same content gives the same key.

    ``secrets`` are variables, too, but for logs.
    """
    bindings, secrets = dict(bindings or {}), dict(secrets or {})
    visible: dict[str, dict[str, str]] = {"vars": {**variables, **secrets}}
    if bindings:
        visible["bindings"] = {name: kind_of(binding) for name, binding in bindings.items()}
    env = msgspec.json.encode(visible, order="sorted")
    content = msgspec.json.encode([tenant, worker, main, files], order="sorted")
    digest = hashlib.blake2b(content + env, digest_size=16)
    return Deployment(
        key=digest.hexdigest(),
        tenant=tenant,
        worker=worker,
        name=name,
        main=main,
        files=files,
        env=env,
        limits=limits,
        op_limits=read_limits(limits.ops),
        warm=warm,
        version=version,
        public=public,
        bindings=bindings,
        secrets=spellings(secrets.values()),
    )


def make_limits(*, cpu_ms: int, wall_ms: int, ops: Mapping[str, OpLimit]) -> Limits:
    """Return the limits of an execution as lanes want them."""
    return Limits(cpu_ms=cpu_ms, wall_ms=wall_ms, ops=limits_json(ops))


def worker_id(tenant: str, name: str) -> str:
    """Return the id of a worker that nothing gave one: the same each time."""
    return str(uuid.uuid5(_NAMESPACE, f"{tenant}/{name}"))
