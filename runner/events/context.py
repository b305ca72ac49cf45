"""Where an execution comes from: what its ops, its log lines and its spans must know beside the event itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.events.trace import TraceContext
    from runner.telemetry.observer import Observation

MAX_HOPS: Final = 16
"""Workers that may call each other in a row before that counts as a loop."""


class EventContext(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event's way to its execution."""

    kind: str = "fetch"
    """``fetch``, ``scheduled`` or ``task``."""
    request_id: str = ""
    hops: int = 0
    """How many workers called each other to get here."""
    trace: TraceContext | None = None
    """The span that ops are children of; without telemetry the one that the event came with."""
    tracestate: str = ""
    """What the systems that the trace came through say of it; handed on as it is."""
    came_by: Mapping[str, str] | None = None
    """What the event's span says of what brought it, by names of the semantic conventions; None for HTTP."""
    observation: Observation | None = None
    """What telemetry keeps of the event; None when no collector is set."""


NO_CONTEXT: Final = EventContext()
"""For what nobody asked for from outside: checks, tools."""
