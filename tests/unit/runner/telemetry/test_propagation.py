"""How a trace goes on in headers."""

from __future__ import annotations

from runner.events.trace import TraceContext, with_trace

OURS = TraceContext("a" * 32, "b" * 16, sampled=True)
OTHER = TraceContext("c" * 32, "d" * 16, sampled=True)


def test_a_request_without_a_trace_gets_ours() -> None:
    """With what other systems said of it."""
    assert with_trace([("accept", "*/*")], OURS, "vendor=1") == [
        ("accept", "*/*"),
        ("traceparent", f"00-{'a' * 32}-{'b' * 16}-01"),
        ("tracestate", "vendor=1"),
    ]


def test_a_trace_of_the_tenants_own_stays() -> None:
    """Whoever traces for himself knows what he does."""
    for own in (OTHER.traceparent, "nonsense"):
        headers = [("Traceparent", own)]
        assert with_trace(headers, OURS, "vendor=1") == headers


def test_a_forwarded_trace_hangs_on_the_span_that_forwards_it() -> None:
    """A worker that copies the headers of its request keeps the trace, not the parent."""
    forwarded = TraceContext(OURS.trace_id, "e" * 16).traceparent
    headers = [("Traceparent", forwarded), ("tracestate", "own=2")]

    assert with_trace(headers, OURS, "vendor=1") == [
        ("tracestate", "own=2"),
        ("traceparent", OURS.traceparent),
    ]
