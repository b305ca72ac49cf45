"""What is told of the work while it goes on: console lines, and one line for each event.

Must not know where the lines go; see the journals of the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from pools.protocol import OutcomeKind, Usage

if TYPE_CHECKING:
    from pools.protocol import Outcome
    from runner.deployments import Deployment
    from runner.events.context import EventContext


class EventLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event, as it ended."""

    method: str
    url: str
    status: int
    """What the client got; 0 when it had left."""
    worker: str
    """Its name; empty when there was none."""
    request_id: str
    duration_ms: float
    outcome: OutcomeKind | None
    """None when no execution was started."""
    problem: str = ""
    usage: Usage = Usage()


class Journal(Protocol):
    """Takes lines; must not fail, and not be slow."""

    def console(self, deployment: Deployment, level: str, text: str) -> None: ...

    def failure(self, deployment: Deployment, outcome: Outcome, context: EventContext) -> None:
        """Tell a worker's owner that an execution did not end well; the event's own line comes, too."""
        ...

    def event(self, line: EventLine) -> None: ...


class Silence:
    """A journal that keeps nothing."""

    def console(self, deployment: Deployment, level: str, text: str) -> None:
        pass

    def failure(self, deployment: Deployment, outcome: Outcome, context: EventContext) -> None:
        pass

    def event(self, line: EventLine) -> None:
        pass
