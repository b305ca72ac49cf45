"""What an execution is: code in, records and one outcome out. The same in every pooling mode."""

import time
from typing import Any

import pytest

from pools.protocol import Limits, Mode, OutcomeKind
from tests.conformance.driver import DEFAULT_OPS, HostUnderTest, LaneUnderTest

FETCH: dict[str, Any] = {
    "type": "fetch",
    "method": "GET",
    "url": "http://a.test/x?y=1",
    "headers": [],
    "body": None,
}


def task(body: str, *, before: str = "") -> str:
    """Return a module whose task has this body."""
    return f"{before}\nexport default {{ async task(payload, env, ctx) {{ {body} }} }}"


class TestValues:
    """What goes in comes out, whatever it is made of."""

    @pytest.mark.parametrize(
        "payload",
        [
            None,
            {"name": "😀 Grüße ߿ \u0000 \u2028"},
            [1, -0.5, 1e300, 9007199254740991],
            "x" * 300_000,
            "é" * 300_000,
            "\ud83d",
            {"deep": [[[[[{"a": {}}]]]]]},
        ],
        ids=["null", "text", "numbers", "long", "long-two-byte", "lone-surrogate", "deep"],
    )
    def test_payload_and_result_are_intact(self, lane: LaneUnderTest, payload: Any) -> None:
        """A task that returns its payload returns it unchanged."""
        assert lane.run(task("return payload"), payload).data == payload

    def test_bytes_are_intact(self, lane: LaneUnderTest) -> None:
        """A body of all byte values arrives whole, and goes out whole."""
        body = bytes(range(256)) * 300
        key = lane.deploy(
            "export default { async fetch(r) { return new Response(await r.arrayBuffer()) } }"
        )
        event = {**FETCH, "method": "POST", "body": "bytes"}
        result = lane.until(lane.start(key, event, attachments=[body]))
        assert result.kind is OutcomeKind.OK
        assert b"".join(result.attachments) == body

    def test_response_head(self, lane: LaneUnderTest) -> None:
        """Status and headers are those of the Response, duplicates included."""
        key = lane.deploy(
            "export default { fetch(r) { const h = new Headers({'x-a': '1'}); h.append('set-cookie', 'a=1');"
            " h.append('set-cookie', 'b=2'); return new Response(r.url, {status: 418, headers: h}) } }"
        )
        result = lane.until(lane.start(key, FETCH))
        [[_, status, _, headers, body]] = result.of("head")
        assert (status, body) == (418, {"text": "http://a.test/x?y=1"})
        assert ["set-cookie", "a=1"] in headers
        assert ["set-cookie", "b=2"] in headers

    def test_env_is_there_and_frozen(self, lane: LaneUnderTest) -> None:
        """Variables are in env, which can not be changed."""
        result = lane.run(
            task("try { env.A = 'changed' } catch {} return [env.A, Object.isFrozen(env)]"),
            env={"A": "1"},
        )
        assert result.data == ["1", True]


class TestModules:
    """Real ES modules of the deployment's own files."""

    def test_imports_cycles_top_level_await_dynamic_import_and_meta(
        self, lane: LaneUnderTest
    ) -> None:
        """All forms of import work between the files of a deployment."""
        files = {
            "main.js": (
                "import { twice } from './lib/twice.js'; import { even } from './even.js';"
                "const later = await Promise.resolve(20);"
                "export default { async task(n) { const m = await import('./lib/late.js');"
                "return [twice(n), later, m.extra, even(4), import.meta.url] } }"
            ),
            "lib/twice.js": "import { base } from '../base.js'; export const twice = (x) => base + x * 2;",
            "base.js": "export const base = 1000;",
            "even.js": "import { odd } from './odd.js'; export const even = (n) => n === 0 || odd(n - 1);",
            "odd.js": "import { even } from './even.js'; export const odd = (n) => n !== 0 && even(n - 1);",
            "lib/late.js": "export const extra = await Promise.resolve(100);",
        }
        assert lane.run(files, 4).data == [1008, 20, 100, True, "file:///main.js"]

    def test_top_level_await_of_a_timer(self, lane: LaneUnderTest) -> None:
        """Evaluation may take several turns."""
        before = "const value = await new Promise((done) => setTimeout(() => done(7), 20));"
        assert lane.run(task("return value", before=before)).data == 7

    def test_stores_of_async_hooks_end_with_their_execution(self, lane: LaneUnderTest) -> None:
        """What one execution entered for good is not there in the next, even where it runs in the same isolate."""
        imports = "import hooks, { AsyncLocalStorage } from 'node:async_hooks'; const s = new AsyncLocalStorage();"
        body = (
            "const before = s.getStore(); s.enterWith(7); await null;"
            "return [before ?? null, s.getStore(), hooks.AsyncLocalStorage === AsyncLocalStorage]"
        )
        for _ in range(3):
            assert lane.run(task(body, before=imports)).data == [None, 7, True]

    def test_an_import_that_fails_rejects(self, lane: LaneUnderTest) -> None:
        """It is not thrown by the expression, nor does it end the execution."""
        body = "const p = import('./nowhere.js'); return p.catch((error) => error.name)"
        assert lane.run(task(body)).data == "TypeError"
        broken = {"main.js": task("return import('./b.js').catch((e) => e.name)"), "b.js": "let ;"}
        assert lane.run(broken).data == "SyntaxError"

    def test_json_module(self, lane: LaneUnderTest) -> None:
        """A JSON file is a module with a default export."""
        files = {
            "main.js": task(
                "return data", before="import data from './data.json' with { type: 'json' };"
            ),
            "data.json": '{"a": [1, 2]}',
        }
        assert lane.run(files).data == {"a": [1, 2]}

    def test_code_that_does_not_compile(self, lane: LaneUnderTest) -> None:
        """The outcome names file, line and column."""
        files = {"main.js": "import './lib.js'", "lib.js": "export const a = 1;\nlet b = ;\n"}
        outcome = lane.run(files).outcome
        assert outcome is not None
        assert outcome.kind is OutcomeKind.INIT_ERROR
        assert outcome.error is not None
        assert (outcome.error.name, outcome.error.file) == ("SyntaxError", "lib.js")
        assert (outcome.error.line, outcome.error.column) == (2, 9)

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("import './nowhere.js'", "Cannot find module './nowhere.js' imported from 'main.js'"),
            ("import 'react'", "Cannot import 'react' from 'main.js'"),
            ("import { b } from './lib.js'", "does not provide an export named 'b'"),
            ("\n\nthrow new TypeError('at the top')", "at the top"),
            ("await Promise.reject(new Error('later'))", "later"),
            ("await new Promise(() => {})", "top-level await can never settle"),
        ],
    )
    def test_code_that_does_not_load(self, lane: LaneUnderTest, source: str, message: str) -> None:
        """It ends as an initialization error that says why."""
        outcome = lane.run({"main.js": source, "lib.js": "export const a = 1"}).outcome
        assert outcome is not None
        assert outcome.kind is OutcomeKind.INIT_ERROR
        assert outcome.error is not None
        assert message in outcome.error.message

    def test_a_throw_at_the_top_has_its_line(self, lane: LaneUnderTest) -> None:
        """The stack names the user's file and line."""
        outcome = lane.run("\n\nthrow new TypeError('x')").outcome
        assert outcome is not None
        assert outcome.error is not None
        assert "main.js:3:7" in outcome.error.stack

    def test_failed_dynamic_import_is_a_rejection(self, lane: LaneUnderTest) -> None:
        """The worker can catch it, and go on."""
        body = "try { await import('./no.js') } catch (e) { return e.message }"
        assert "Cannot find module './no.js'" in lane.run(task(body)).data

    def test_code_caches_are_made_and_consumed(
        self, host: HostUnderTest, lane: LaneUnderTest
    ) -> None:
        """A successful execution brings code caches, which another deployment of the source takes."""
        files = {
            "main.js": task("return twice(4)", before="import {twice} from './a.js'"),
            "a.js": "export const twice = (x) => x * 2",
        }
        lane.caches.clear()
        assert lane.run(files).data == 8
        assert lane.run(task("return 1")).data == 1  # the caches follow the outcome
        made = {cache.file: cache.data for cache in lane.caches}
        assert made.keys() >= {"main.js", "a.js"}
        caches = {"main.js": made["main.js"], "a.js": made["a.js"]}
        assert lane.run(files, caches=caches, tenant="other").data == 8
        damaged = {"main.js": b"\0" * 200, "a.js": made["main.js"]}
        assert lane.run(files, caches=damaged, tenant="third").data == 8


class TestOutcomes:
    """Every execution ends in one outcome."""

    def test_exception_with_message_and_line(self, lane: LaneUnderTest) -> None:
        """A thrown error comes with name, message and the user's line."""
        result = lane.run("export default {\n task() {\n  throw new RangeError('boom')\n } }")
        assert result.kind is OutcomeKind.EXCEPTION
        assert (result.error["name"], result.error["message"]) == ("RangeError", "boom")
        assert "main.js:3:9" in result.error["stack"]

    @pytest.mark.parametrize(
        "thrown", ["'text'", "null", "undefined", "{a: 1}", "Symbol('s')", "10n"]
    )
    def test_anything_can_be_thrown(self, lane: LaneUnderTest, thrown: str) -> None:
        """What is no Error is described all the same."""
        result = lane.run(task(f"throw {thrown}"))
        assert result.kind is OutcomeKind.EXCEPTION
        assert isinstance(result.error["message"], str)

    @pytest.mark.parametrize(
        "source", ["export default {}", "export default 1", "export const a = 1", ""]
    )
    def test_no_handler(self, lane: LaneUnderTest, source: str) -> None:
        """A module without the handler of the event says so."""
        assert lane.run(source).kind is OutcomeKind.NO_HANDLER

    def test_handler_that_can_never_settle_ends_at_once(self, lane: LaneUnderTest) -> None:
        """Nothing is pending: nobody waits for the wall clock."""
        began = time.monotonic()
        result = lane.run(task("await new Promise(() => {})"))
        assert time.monotonic() - began < 5
        assert result.kind is OutcomeKind.EXCEPTION
        assert result.outcome is not None
        assert result.outcome.error is not None
        assert "can never settle" in result.outcome.error.message

    def test_one_that_waits_for_ever_meets_the_wall_clock(self, lane: LaneUnderTest) -> None:
        """A timer far away is no reason to stay."""
        limits = Limits(cpu_ms=1000, wall_ms=150, ops=DEFAULT_OPS)
        result = lane.run(task("await new Promise((r) => setTimeout(r, 1e6))"), limits=limits)
        assert result.kind is OutcomeKind.WALL_CLOCK

    def test_terminate(self, lane: LaneUnderTest) -> None:
        """The runner can end an execution that waits; its isolate is good for the next one."""
        key = lane.deploy(task("await fetch('http://a.test/')"))
        execution = lane.start(key)
        lane.until(execution, lambda result: result.of("op"))
        lane.terminate(execution, OutcomeKind.ABORTED)
        assert lane.until(execution).kind is OutcomeKind.ABORTED
        assert lane.evaluate("1 + 1") == 2

    def test_usage_is_reported(self, lane: LaneUnderTest) -> None:
        """CPU, wall clock, heap and turns are counted."""
        body = "const t = Date.now(); while (Date.now() - t < 30); await new Promise(r => setTimeout(r, 30))"
        outcome = lane.run(task(body)).outcome
        assert outcome is not None
        assert 5_000 < outcome.usage.cpu_us < 300_000
        assert outcome.usage.wall_us >= 60_000
        assert outcome.usage.heap_bytes > 100_000
        assert outcome.usage.turns == 2

    def test_unhandled_rejection_is_logged_and_ends_nothing(self, lane: LaneUnderTest) -> None:
        """It reaches the tenant's log; the result stands."""
        result = lane.run(task("Promise.reject(new Error('nobody')); return 5"))
        assert result.data == 5
        assert any("nobody" in text for level, text in result.logs if level == "ERROR")

    def test_an_unknown_deployment_is_an_init_error(self, lane: LaneUnderTest) -> None:
        """The lane answers, and goes on."""
        assert lane.until(lane.start("nowhere")).kind is OutcomeKind.INIT_ERROR


class TestIsolation:
    """Nobody sees anybody else."""

    def test_executions_of_one_worker_share_no_state(self, lane: LaneUnderTest) -> None:
        """Neither globals, nor patched prototypes, nor module variables survive."""
        source = task(
            "const seen = [globalThis.left, [].patched, Object.keys === 1, count, typeof fetch];"
            "globalThis.left = 1; Array.prototype.patched = 1; Object.keys = 1; count++;"
            "globalThis.fetch = null; Promise.prototype.then = null; return seen",
            before="let count = 0;",
        )
        key = lane.deploy(source)
        expected = [None, None, False, 0, "function"]
        for _ in range(3):
            assert lane.until(lane.start(key)).data == expected

    def test_random_numbers_differ(self, lane: LaneUnderTest) -> None:
        """No two contexts of the snapshot draw the same numbers."""
        expression = (
            "[Math.random(), crypto.randomUUID(), [...crypto.getRandomValues(new Uint8Array(8))]]"
        )
        one, two = lane.evaluate(expression), lane.evaluate(expression)
        assert all(mine != theirs for mine, theirs in zip(one, two, strict=True))

    def test_tenants_never_share_an_isolate(self, host: HostUnderTest, mode: Mode) -> None:
        """Each tenant's execution gets an isolate that no other tenant has had."""
        lane = host.lane
        for number in range(5):
            assert lane.evaluate("1", tenant=f"stranger-{number}") == 1
        stats = host.hear_heartbeat().lanes[0]
        if mode is Mode.ONESHOT:
            assert stats.isolates_idle <= 1
        else:
            assert stats.isolates_idle >= 5
        assert stats.isolates_created >= 5

    def test_nothing_of_the_core_is_in_reach(self, lane: LaneUnderTest) -> None:
        """The global object has the web platform, and no name of ours."""
        names = lane.evaluate("Object.getOwnPropertyNames(globalThis)")
        assert not [name for name in names if "isolane" in name.lower() or name.startswith("_")]
        assert {"fetch", "URL", "Response", "console", "setTimeout", "structuredClone"} <= set(
            names
        )
        assert not {"SharedArrayBuffer", "natives", "lazy", "dispatch"} & set(names)

    def test_no_clock_can_be_built_of_shared_memory(self, lane: LaneUnderTest) -> None:
        """Neither by a constructor that is hidden, nor by waiting."""
        shared = "new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer"
        wait = f"Atomics.wait(new Int32Array({shared}), 0, 0, 10)"
        body = f"try {{ {wait}; return 'waited' }} catch (e) {{ return e.name }}"
        assert lane.run(task(body)).data == "TypeError"

    def test_warm_contexts_keep_state_and_only_then(self, host: HostUnderTest, mode: Mode) -> None:
        """CONTEXT_REUSE=warm runs the next execution of a deployment in the same context."""
        lane, before = host.lane, host.hear_heartbeat().lanes[0].contexts_reused
        key = lane.deploy(task("return ++count", before="let count = 0;"))
        counts = [lane.until(lane.start(key, warm=True)).data for _ in range(3)]
        assert counts == ([1, 1, 1] if mode is Mode.ONESHOT else [1, 2, 3])
        assert lane.until(lane.start(key)).data == 1
        reused = host.hear_heartbeat().lanes[0].contexts_reused - before
        assert reused == (0 if mode is Mode.ONESHOT else 2)


class TestTurns:
    """A lane never waits inside JavaScript."""

    def test_while_one_waits_the_others_run(self, lane: LaneUnderTest) -> None:
        """An execution that waits for an op does not hold up those behind it."""
        waiting = lane.start(lane.deploy(task("return (await fetch('http://a.test/')).status")))
        lane.until(waiting, lambda result: result.of("op"))
        assert lane.evaluate("'meanwhile'") == "meanwhile"
        [[_, op, name, arguments, *_]] = lane.results[waiting].of("op")
        assert (name, arguments["url"], arguments["method"]) == ("fetch", "http://a.test/", "GET")
        answer = {
            "status": 204, "statusText": "", "headers": [], "url": "http://a.test/",
            "redirected": False, "body": None,
        }  # fmt: skip
        lane.deliver(waiting, [["resolve", op, answer]])
        assert lane.until(waiting).data == 204

    def test_many_wait_at_once(self, lane: LaneUnderTest) -> None:
        """Executions of one worker wait side by side, each in an isolate of its own."""
        key = lane.deploy(task("await new Promise((r) => setTimeout(r, 200)); return payload"))
        began = time.monotonic()
        executions = [lane.start(key, {"type": "task", "payload": n}) for n in range(8)]
        assert [lane.until(execution).data for execution in executions] == list(range(8))
        assert time.monotonic() - began < 1.0

    def test_a_rejected_op_is_the_workers_to_catch(self, lane: LaneUnderTest) -> None:
        """The runner's error arrives with its name and message."""
        key = lane.deploy(
            task("try { await fetch('http://a.test/') } catch (e) { return [e.name, e.message] }")
        )
        execution = lane.start(key)
        [[_, op, *_]] = lane.until(execution, lambda result: result.of("op")).of("op")
        lane.deliver(
            execution, [["reject", op, {"name": "TypeError", "message": "fetch failed: no"}]]
        )
        assert lane.until(execution).data == ["TypeError", "fetch failed: no"]

    def test_wait_until_goes_on_after_the_response(self, lane: LaneUnderTest) -> None:
        """The head is sent at once; the execution ends when the promise has settled."""
        key = lane.deploy(
            "export default { fetch(r, env, ctx) { ctx.waitUntil(new Promise((done) => setTimeout(() => {"
            " console.log('done'); done() }, 50))); return new Response('early') } }"
        )
        execution = lane.start(key, FETCH)
        result = lane.until(execution, lambda result: result.of("head"))
        assert result.outcome is None
        assert lane.until(execution).kind is OutcomeKind.OK
        assert ("INFO", "done") in result.logs

    def test_response_stream_moves_under_credits(self, lane: LaneUnderTest) -> None:
        """The core stops at 256 KiB, goes on with each credit, and loses nothing."""
        key = lane.deploy(
            "export default { fetch() { let n = 0; return new Response(new ReadableStream({ pull(c) {"
            " if (n === 40) c.close(); else c.enqueue(new Uint8Array(20000).fill(n++)) } })) } }"
        )
        execution = lane.start(key, FETCH)
        result = lane.until(execution, lambda result: result.attached > 220_000)
        assert lane.evaluate("1") == 1  # another turn: nothing more has come meanwhile
        assert result.attached <= 256 << 10
        granted = 0
        while result.outcome is None:
            due = result.attached - granted
            lane.deliver(execution, [["credit", 0, due]])
            granted += due
            lane.until_more(execution)
        assert b"".join(result.attachments) == b"".join(bytes([n]) * 20_000 for n in range(40))

    def test_request_stream_gives_credit_as_it_is_read(self, lane: LaneUnderTest) -> None:
        """What the worker has read may be sent again."""
        key = lane.deploy(
            "export default { async fetch(r) { let n = 0; for await (const c of r.body) n += c.length;"
            " return new Response(String(n)) } }"
        )
        execution = lane.start(key, {**FETCH, "method": "POST", "body": "stream"})
        result = lane.results[execution]
        for number in range(16):
            while number * 32_768 - result.granted > (256 << 10) - 32_768:
                lane.until_more(execution)
            lane.deliver(execution, [["chunk", 0, 0]], [bytes(32_768)])
        lane.deliver(execution, [["end", 0]])
        assert lane.until(execution).of("head")[0][4] == {"text": str(16 * 32_768)}
        assert result.granted >= 8 * 32_768
