"""Compression's state is the host's, and goes with the execution that it belongs to. The same in every pooling mode."""

from benchmarks.processes import rss_bytes
from pools.protocol import Limits, OutcomeKind
from tests.conformance.driver import DEFAULT_OPS, HostUnderTest, LaneUnderTest

SHORT = Limits(cpu_ms=60, wall_ms=20_000, ops=DEFAULT_OPS)
OPEN = """
async function open() {
  const stream = new CompressionStream('gzip');
  stream.readable.getReader().read();
  await stream.writable.getWriter().write(new Uint8Array(1));
}
"""
LEAVE = f"{OPEN} export default {{ async task(count) {{ for (let i = 0; i < count; i++) await open(); return count }} }}"
LOOP = f"{OPEN} export default {{ async task() {{ await open(); for (;;); }} }}"


def test_what_executions_leave_open_is_not_kept(host: HostUnderTest, lane: LaneUnderTest) -> None:
    """A hundred executions with 8 MB of zlib's memory each, and the host is no larger for it."""
    for _ in range(5):
        assert lane.run(LEAVE, 32).data == 32
    before = rss_bytes(host.process.pid)
    for _ in range(100):
        assert lane.run(LEAVE, 32).data == 32
    assert rss_bytes(host.process.pid) - before < 200 << 20


def test_one_execution_has_so_many_and_the_next_one_as_many(lane: LaneUnderTest) -> None:
    """The bound is one on contexts, whatever became of the one before."""
    assert lane.run(LEAVE, 33).error["name"] == "TypeError"
    assert lane.run(LOOP, limits=SHORT).kind is OutcomeKind.CPU_LIMIT
    assert lane.run(LEAVE, 32).data == 32


def test_compression_takes_no_longer_than_its_execution_may(lane: LaneUnderTest) -> None:
    """Much is compressed in small steps, between which an execution can be stopped."""
    source = """
    export default {
      async task() {
        const stream = new CompressionStream('gzip');
        stream.readable.pipeTo(new WritableStream());
        const writer = stream.writable.getWriter();
        const bytes = new Uint8Array(4 << 20);
        for (;;) await writer.write(bytes);
      }
    }
    """
    assert lane.run(source, limits=SHORT).kind is OutcomeKind.CPU_LIMIT
