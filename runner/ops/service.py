"""The ``service`` op: ``env.NAME.fetch``, a request to the worker that the binding names, whatever the URL's host.

Whether the worker may be called is judged with each call: its owner may change its mind. Must not know how calls are made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.bindings import ServiceBinding
from runner.ops.granted import granted
from runner.ops.hop import FetchArgs

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.ops.fetch import Fetch
    from runner.ops.registry import OpCall


class ServiceArgs(FetchArgs, frozen=True, kw_only=True):
    """Arguments as the boundary has them."""

    binding: str


class Service:
    """The handler; ``fetch`` follows redirects, too, which may lead outside."""

    def __init__(self, open_fetch: Callable[[], Fetch]) -> None:
        self._open_fetch = open_fetch

    async def __call__(self, call: OpCall) -> None:
        args = call.args(ServiceArgs)
        binding = granted(call, args.binding, ServiceBinding)
        await self._open_fetch().send(call, args, worker=binding.worker)
