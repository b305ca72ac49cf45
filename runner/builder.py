"""Makes deployments from workers' files: types stripped, limits and variables filled in.

Must not know which deployment is served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from runner.deployments import make_deployment, make_limits, worker_id
from runner.errors import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.config import Settings
    from runner.deployments import Deployment
    from runner.sources import Source
    from runner.typescript import TypeStripper


class Builder:
    """Builds the deployments of one tenant."""

    def __init__(self, settings: Settings, stripper: TypeStripper, tenant: str) -> None:
        self._settings = settings
        self._stripper = stripper
        self._tenant = tenant

    async def build(
        self,
        source: Source,
        variables: Mapping[str, str],
        *,
        cpu_ms: int | None = None,
        wall_ms: int | None = None,
    ) -> Deployment:
        """Return the deployment.

        What can not be stripped of its types is deployed as a program that fails with the reason, so that the worker answers like any
        other that does not compile.
        """
        settings, manifest = self._settings, source.manifest
        files = source.files
        try:
            files = await self._stripper.strip(files)
        except DeploymentError as error:
            reason = msgspec.json.encode(str(error)).decode()
            files = {source.main: f"throw new SyntaxError({reason});"}
        limits = manifest.limits
        return make_deployment(
            tenant=self._tenant,
            worker=worker_id(self._tenant, source.name),
            name=source.name,
            main=source.main,
            files=files,
            variables=_texts(manifest.vars) | dict(variables),
            limits=make_limits(
                cpu_ms=_first(cpu_ms, limits.cpu_ms, settings.cpu_time_limit_ms),
                wall_ms=_first(wall_ms, limits.wall_ms, settings.wall_clock_timeout_ms),
                ops=settings.op_limits,
            ),
            warm=(manifest.context_reuse or settings.context_reuse) == "warm",
        )


def _first(*values: int | None) -> int:
    return next(value for value in values if value is not None)


def _texts(variables: Mapping[str, Any]) -> dict[str, str]:
    """Variables are text; what TOML has beside text is written as JSON."""
    return {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in variables.items()
    }
