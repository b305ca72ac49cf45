"""Tries what was just deployed: does it compile, and does its top-level code run to its end?

Must not know how it came to be deployed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pools.protocol import OutcomeKind
from runner.ingress.answers import problem_of

if TYPE_CHECKING:
    from runner.dispatch import Dispatcher
    from runner.resolution import DatabaseResolver
    from runner.store.workers import Worker

_CHECK_EVENT: Final = b'{"type":"isolane:check"}'
"""No worker handles it: what is left is to compile and evaluate the module."""


class Trial:
    """Runs workers without an event."""

    def __init__(self, resolver: DatabaseResolver, dispatcher: Dispatcher) -> None:
        self._resolver = resolver
        self._dispatcher = dispatcher

    def renew(self, worker: Worker) -> None:
        """Serve a worker as it is now, before the database tells of it."""
        self._resolver.forget(f"worker {worker.id}")
        self._resolver.forget(f"environment {worker.environment}")

    async def problem_of(self, worker: Worker) -> str:
        """Return why a worker will not start; nothing when it will.

        Raises
        ------
        BusyError
            No lane serves, or the database is away.
        NotResolvedError
            It has no code that can be run here.

        """
        deployment = await self._resolver.worker(str(worker.id))
        await self._dispatcher.serving()
        outcome = await self._dispatcher.start(deployment, _CHECK_EVENT).ended()
        if outcome.kind is OutcomeKind.NO_HANDLER:
            return ""
        return problem_of(outcome, expose_errors=True).message
