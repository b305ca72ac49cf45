"""W3C trace context (https://www.w3.org/TR/trace-context/): which trace something belongs to. No telemetry library in sight."""

from __future__ import annotations

import re
from typing import Final

import msgspec

_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


class TraceContext(msgspec.Struct, frozen=True, gc=False):
    """A span's place in its trace."""

    trace_id: str
    """32 hexadecimal digits."""
    span_id: str
    """16 hexadecimal digits."""
    sampled: bool = True

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


def parse_traceparent(text: str) -> TraceContext | None:
    """Return what a ``traceparent`` header says; None when it is not valid."""
    match = _TRACEPARENT.fullmatch(text)
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == "ff" or (version == "00" and more):
        return None
    if trace_id == "0" * 32 or span_id == "0" * 16:
        return None
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & 1))


def with_trace(
    headers: list[tuple[str, str]], trace: TraceContext, tracestate: str
) -> list[tuple[str, str]]:
    """Return headers that continue a trace.

    A ``traceparent`` of another trace is the sender's own and stays. One of this trace was copied from the request that is
    being served: it gives way, so that what comes of the headers hangs on what sent them.
    """
    given = {name.lower(): value for name, value in headers}
    if (own := given.get("traceparent")) is not None:
        parsed = parse_traceparent(own)
        if parsed is None or parsed.trace_id != trace.trace_id:
            return headers
        headers = [header for header in headers if header[0].lower() != "traceparent"]
    headers = [*headers, ("traceparent", trace.traceparent)]
    if tracestate and "tracestate" not in given:
        headers.append(("tracestate", tracestate))
    return headers
