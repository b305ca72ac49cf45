"""The journal of a runner that serves: what is shown, and where console lines go beside that.

Must not know what the places do with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from runner.events.context import NO_CONTEXT
from runner.logs.lines import describe_failure

if TYPE_CHECKING:
    from pools.protocol import Outcome
    from runner.deployments import Deployment
    from runner.events.context import EventContext
    from runner.journal import Journal


class LineSink(Protocol):
    """Takes lines of workers; must not fail, and not be slow."""

    def line(self, worker: str, level: str, text: str) -> None:
        """Take a line; ``worker`` is an id."""
        ...


class JournalFan:
    """Shows everything in one journal; gives console lines, and failures as lines, to all sinks.

    Texts come without secrets: executions mask what they hand out (runner/masking.py).
    """

    def __init__(self, shown: Journal) -> None:
        self._shown = shown
        self._sinks: tuple[LineSink, ...] = ()
        # Without a step between: most events have no line.
        self.event = shown.event

    def add(self, sink: LineSink) -> None:
        self._sinks = (*self._sinks, sink)

    def remove(self, sink: LineSink) -> None:
        self._sinks = tuple(one for one in self._sinks if one is not sink)

    def console(self, deployment: Deployment, level: str, text: str) -> None:
        self._shown.console(deployment, level, text)
        for sink in self._sinks:
            sink.line(deployment.worker, level, text)

    def failure(self, deployment: Deployment, outcome: Outcome, context: EventContext) -> None:
        self._shown.failure(deployment, outcome, context)
        if context is NO_CONTEXT:
            # Whoever checks or asks something of its own tells what came of it.
            return
        level, text = describe_failure(outcome, context)
        for sink in self._sinks:
            sink.line(deployment.worker, level, text)
