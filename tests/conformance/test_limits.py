"""Loops and bombs: each ends as its outcome, and the lane serves the next tenant."""

import pytest

from pools.protocol import Limits, Mode, OutcomeKind
from runner.config import Settings
from tests.conformance.driver import DEFAULT_OPS, LaneUnderTest, running_host

CPU = Limits(cpu_ms=150, wall_ms=20_000, ops=DEFAULT_OPS)
ROOMY = Limits(cpu_ms=20_000, wall_ms=30_000, ops=DEFAULT_OPS)

ENDLESS = {
    "empty": "for (;;) {}",
    "while-count": "let i = 0; while (true) { i++ }",
    "allocating-arrays": "for (;;) { globalThis.a = new Array(1000) }",
    "allocating-objects": "for (;;) { globalThis.o = { a: {}, b: [] } }",
    "warmed-up": "const f = (n) => { for (let i = 0; i !== n; i++) globalThis.a = new Array(1000) };"
    "for (let i = 0; i < 10000; i++) f(1); f(-1)",
    "closures": "for (;;) { globalThis.f = () => globalThis.f }",
    "strings": "let s = ''; for (;;) { s = 'x' + s.slice(0, 100) }",
    "calls": "const f = (n) => n <= 0 ? 0 : f(n - 1); for (;;) f(50)",
    "recursion-caught": "const f = () => { try { f() } catch { f() } }; f()",
    "try-finally": "for (;;) { try { throw 1 } catch {} finally { continue } }",
    "generator": "function* g() { for (;;) yield 1 } for (const x of g()) globalThis.x = x",
    "iterator-helper": "function* g() { for (;;) yield 1 } g().map((x) => x + 1).filter(() => false).next()",
    "microtasks": "const f = () => { Promise.resolve().then(f) }; f(); await new Promise(() => {})",
    "queue-microtask": "await new Promise(() => { const f = () => queueMicrotask(f); f() })",
    "regexp": "/^(a+)+$/.test('a'.repeat(40) + 'b')",
    "sort": "for (;;) [3, 2, 1].sort(() => Math.random() - 0.5)",
    "json": "const o = Array(1000).fill({ a: 1 }); for (;;) JSON.parse(JSON.stringify(o))",
    "replace": "for (;;) 'aaaa'.repeat(1000).replace(/a/g, () => 'b')",
    "proxy": "const p = new Proxy({}, { get: () => { for (;;) {} } }); p.x",
    "getter-of-result": "return { get a() { for (;;) {} } }",
    "to-json": "return { toJSON() { for (;;) {} } }",
    "thenable": "return { then() { for (;;) {} } }",
    "bigint": "let b = 3n; for (;;) b = (b * b) % (2n ** 4000n)",
    "typed-array": "const a = new Float64Array(1e5); for (;;) a.sort().fill(1)",
    "wasm": (
        "const m = new WebAssembly.Module(new Uint8Array([0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,7,5,1,1,102,0,0,"
        "10,9,1,7,0,3,64,12,0,11,11])); new WebAssembly.Instance(m).exports.f()"
    ),
    "eval": "eval('for(;;){}')",
    "new-function": "new Function('for(;;){}')()",
    "timer": "await new Promise((r) => setTimeout(() => { for (;;) {} }, 1))",
}

BOMBS = {
    "arrays": "const a = []; for (;;) a.push(new Array(1000).fill(1))",
    "keys": "const o = {}; for (let i = 0; ; i++) o['k' + i] = i",
    "map": "const m = new Map(); for (let i = 0; ; i++) m.set(i, i)",
    "set": "const s = new Set(); for (let i = 0; ; i++) s.add({ i })",
    "fill-map": "return new Array(1e7).fill(0).map((_, i) => ({ i })).length",
    "concat": "let a = [1]; for (;;) a = a.concat(a)",
    "nested": "let a = []; for (;;) a = [a, new Array(100).fill(a)]",
    "strings": "const a = []; for (let i = 0; ; i++) a.push(('x' + i).repeat(1000).split('').join('-'))",
    "closures": "const a = []; for (let i = 0; ; i++) a.push(() => i)",
    "promises": "const a = []; for (;;) a.push(new Promise(() => {}))",
    "buffers": "const a = []; for (;;) { a.push(new Uint8Array(1 << 20).fill(1)) }",
    "buffers-then-wait": (
        "const a = []; for (let i = 0; i < 200; i++) a.push(new ArrayBuffer(1 << 20));"
        "await new Promise((r) => setTimeout(r, 5000)); return a.length"
    ),
    "microtasks": "const a = []; const f = () => { a.push(new Array(1000).fill(0)); return Promise.resolve().then(f) }; await f()",
}


def task(body: str) -> str:
    return f"export default {{ async task() {{ {body} }} }}"


@pytest.mark.parametrize("name", ENDLESS)
def test_endless_loops_meet_the_cpu_limit(lane: LaneUnderTest, name: str) -> None:
    """JavaScript that never comes back is stopped, and the lane answers the next tenant."""
    result = lane.run(task(ENDLESS[name]), limits=CPU, tenant="looping")
    assert result.kind is OutcomeKind.CPU_LIMIT
    assert result.outcome is not None
    assert result.outcome.usage.cpu_us < 1_500_000
    assert lane.evaluate("'still here'") == "still here"


@pytest.mark.parametrize("name", ["empty", "allocating-arrays", "regexp"])
def test_top_level_code_is_under_the_same_limit(lane: LaneUnderTest, name: str) -> None:
    """A loop outside of any handler ends alike."""
    assert lane.run(ENDLESS[name], limits=CPU).kind is OutcomeKind.CPU_LIMIT


def test_cpu_time_adds_up_over_turns_and_waiting_is_free(lane: LaneUnderTest) -> None:
    """The limit counts turns only: short ones add up, and sleeping costs nothing."""
    spin = "const t = Date.now(); while (Date.now() - t < 20);"
    nap = "await new Promise((r) => setTimeout(r, 5));"
    busy = task(f"for (let i = 0; i < 100; i++) {{ {spin} {nap} }}")
    assert lane.run(busy, limits=CPU).kind is OutcomeKind.CPU_LIMIT
    idle = task("await new Promise((r) => setTimeout(r, 400)); return 'rested'")
    assert lane.run(idle, limits=CPU).data == "rested"


@pytest.mark.parametrize(
    "loop",
    [
        "for (let i = 0; i < 1e6; i++) x += i",
        "for (let i = 0; i < 1e5; i++) x += `${i}`.length",
        "const a = []; for (let i = 0; i < 1e5; i++) a.push({ i }); x = a.length",
    ],
)
def test_what_costs_little_is_far_from_the_default_limit(lane: LaneUnderTest, loop: str) -> None:
    """Compilers of V8 that wait for each other, for ever, would make a harmless loop a thousand times slower."""
    limits = Limits(cpu_ms=Settings().cpu_time_limit_ms, wall_ms=10_000, ops=DEFAULT_OPS)
    result = lane.run(task(f"let x = 0; {loop}; return x > 0"), limits=limits)
    assert (result.kind, result.data) == (OutcomeKind.OK, True)


def test_busy_workers_leave_nothing_behind(lane: LaneUnderTest) -> None:
    """Contexts whose code got hot go like all others: compilers that keep them would fill the heap in a few hundred."""
    key = lane.deploy(task("let x = 0; for (let i = 0; i < 3e4; i++) x += `${i}`.length; return x"))
    for _ in range(400):
        assert lane.until(lane.start(key, limits=ROOMY)).kind is OutcomeKind.OK


def test_describing_an_error_runs_no_code_of_the_tenants(lane: LaneUnderTest) -> None:
    """What was thrown is described without its getters."""
    result = lane.run(task("throw { get message() { for (;;) {} } }"), limits=CPU)
    assert result.kind is OutcomeKind.EXCEPTION


def test_a_running_turn_meets_the_wall_clock(lane: LaneUnderTest) -> None:
    """With the CPU limit off, the wall clock stops a loop."""
    limits = Limits(cpu_ms=0, wall_ms=200, ops=DEFAULT_OPS)
    assert lane.run(task("for (;;) {}"), limits=limits).kind is OutcomeKind.WALL_CLOCK


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_meet_the_memory_limit(lane: LaneUnderTest, name: str) -> None:
    """What grows without end is stopped, and the lane answers the next tenant."""
    result = lane.run(task(BOMBS[name]), limits=ROOMY, tenant="bombing")
    assert result.kind is OutcomeKind.MEMORY_LIMIT
    assert lane.evaluate("'still here'") == "still here"


def test_an_allocation_that_v8_refuses_can_be_caught(lane: LaneUnderTest) -> None:
    """A single allocation that can not be had throws, as in any engine."""
    body = "try { new ArrayBuffer(2 ** 52) } catch (e) { return e.name }"
    assert lane.run(task(body)).data == "RangeError"


def test_garbage_is_not_charged(lane: LaneUnderTest) -> None:
    """Buffers that are not referenced any more do not count."""
    body = "let n = 0; for (let i = 0; i < 400; i++) n += new Uint8Array(1 << 20).fill(1).length; return n"
    assert lane.run(task(body), limits=ROOMY).data == 400 << 20


def test_ops_beyond_the_limit_are_rejected(lane: LaneUnderTest) -> None:
    """More than the total rejects; uncaught, it is the outcome op limit."""
    limits = Limits(cpu_ms=1000, wall_ms=5000, ops=b'{"ops":{"fetch":[2,6]}}')
    body = "return Promise.all([1, 2, 3].map((n) => fetch('http://a.test/' + n)))"
    result = lane.run(task(body), limits=limits)
    assert result.kind is OutcomeKind.OP_LIMIT
    assert "fetch limit exceeded: fetch (3/2)" in result.error["message"]
    assert len(result.of("op")) == 2


def test_an_op_limit_is_said_before_wait_until_has_ended(lane: LaneUnderTest) -> None:
    """The error's record tells it apart from other failures, as the outcome does later."""
    limits = Limits(cpu_ms=1000, wall_ms=5000, ops=b'{"ops":{"fetch":[1,6]}}')
    held = "ctx.waitUntil(new Promise((r) => setTimeout(r, 200))); fetch('http://a.test/');"
    for failing, rest in (("await fetch('http://a.test/')", ["op_limit"]), ("throw Error()", [])):
        source = f"export default {{ async task(payload, env, ctx) {{ {held} {failing} }} }}"
        number = lane.start(lane.deploy(source), limits=limits)
        result = lane.until(number, lambda it: it.of("error"))
        assert result.outcome is None
        assert result.of("error")[0][2:] == rest
        kind = OutcomeKind.OP_LIMIT if rest else OutcomeKind.EXCEPTION
        assert lane.until(number).kind is kind


def test_a_result_that_is_too_large_is_an_exception(blob: bytes) -> None:
    """It fits the heap, but no frame: the worker is told, and the host lives."""
    with running_host(blob, Mode.PINNED, heap_max_mb=1000) as host:
        result = host.lane.run(task("return 'x'.repeat(70 << 20)"), limits=ROOMY)
        assert result.kind is OutcomeKind.EXCEPTION
        assert result.outcome is not None
        assert result.outcome.error is not None
        assert "more than 64 MiB at once" in result.outcome.error.message
        assert host.lane.evaluate("1") == 1
