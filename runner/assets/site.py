"""A site without a worker of its own: a route that leads to files is served by a program that hands each request to them.

So it is resolved, admitted, limited and told of like any worker; what it sends goes past JavaScript.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from runner.bindings import AssetsBinding
from runner.deployments import make_deployment

if TYPE_CHECKING:
    from pools.protocol import Limits
    from runner.bindings import StorageBinding
    from runner.deployments import Deployment

_MAIN: Final = "site.js"
_PROGRAM: Final = "export default { fetch: (request, env) => env.ASSETS.fetch(request) };\n"


def make_site(
    *, tenant: str, worker: str, name: str, storage: StorageBinding, limits: Limits
) -> Deployment:
    """Return what serves the files in ``storage`` under the id and name of a project."""
    return make_deployment(
        tenant=tenant,
        worker=worker,
        name=name,
        main=_MAIN,
        files={_MAIN: _PROGRAM},
        variables={},
        limits=limits,
        bindings={"ASSETS": AssetsBinding(storage=storage)},
    )
