"""What env has beside text: the same in every pooling mode."""

from typing import Any

from pools.protocol import OutcomeKind
from tests.conformance.driver import LaneUnderTest, Result

BINDINGS = {"KV": "kv", "FILES": "assets", "OTHER": "service"}


def task(body: str) -> str:
    return f"export default {{ async task(payload, env, ctx) {{ {body} }} }}"


def ops(result: Result) -> list[list[Any]]:
    return [[op[2], op[3]] for op in result.of("op")]


def test_a_namespace_asks_and_is_answered(lane: LaneUnderTest) -> None:
    """Ops go out with the binding's name, and their answers come back as values."""
    source = task("await env.KV.put('k', { a: 'ü' }); return await env.KV.get('k')")
    number = lane.start(lane.deploy(source, bindings=BINDINGS))
    put = lane.until(number, lambda result: result.of("op"))
    assert ops(put) == [
        ["kv", {"binding": "KV", "action": "put", "key": "k", "json": '{"a":"ü"}', "expiresIn": None}]
    ]  # fmt: skip
    lane.deliver(number, [["resolve", 1, None]])
    got = lane.until(number, lambda result: len(result.of("op")) == 2)
    assert ops(got)[1] == ["kv", {"binding": "KV", "action": "get", "key": "k"}]
    lane.deliver(number, [["resolve", 2, {"a": "ü"}]])
    assert lane.until(number).data == {"a": "ü"}


def test_each_execution_has_its_own_bindings(lane: LaneUnderTest) -> None:
    """A worker without bindings finds none that another had before it."""
    names = task("return Object.keys(env)")
    assert sorted(lane.run(names, bindings=BINDINGS).data) == sorted(BINDINGS)
    assert lane.run(names).data == []
    assert lane.run(names, bindings={"ELSE": "kv"}).data == ["ELSE"]


def test_a_warm_context_has_fresh_bindings(lane: LaneUnderTest) -> None:
    """What a tenant did to an object of env is not there the next time."""
    source = task("const had = env.KV === globalThis.last; globalThis.last = env.KV; return had")
    key = lane.deploy(source, bindings=BINDINGS)
    for _ in range(2):
        assert lane.until(lane.start(key, warm=True)).data is False


def test_a_file_is_passed_on_past_javascript(lane: LaneUnderTest) -> None:
    """The answer's stream is forwarded: none of it is granted, so none of it comes."""
    source = "export default { fetch: (request, env) => env.FILES.fetch(request) }"
    event: dict[str, Any] = {
        "type": "fetch",
        "method": "GET",
        "url": "http://a.test/x",
        "headers": [],
        "body": None,
    }
    number = lane.start(lane.deploy(source, bindings=BINDINGS), event)
    asked = lane.until(number, lambda result: result.of("op"))
    assert asked.of("op")[0][3]["url"] == "http://a.test/x"
    answer = {"status": 200, "statusText": "OK", "headers": [["etag", '"1"']]}
    answer |= {"url": "http://a.test/x", "redirected": False, "body": "stream"}
    lane.deliver(number, [["resolve", 1, answer]])
    result = lane.until(number)
    assert result.kind is OutcomeKind.OK
    assert result.of("head") == [["head", 200, "OK", [["etag", '"1"']], {"forward": 1}]]
    assert result.of("credit") == []


TASKS = {"TASKS": "tasks"}


def test_a_task_is_enqueued_with_what_was_said(lane: LaneUnderTest) -> None:
    """What was not said is null, times are milliseconds, and the answer is the first of its list."""
    source = task(
        "return await env.TASKS.enqueue('email:send', { to: 'ü' },"
        " { priority: 5, idempotencyKey: 'k', scheduledAt: new Date(5), retry: { kind: 'fixed' } })"
    )
    number = lane.start(lane.deploy(source, bindings=TASKS))
    asked = lane.until(number, lambda result: result.of("op"))
    nothing = dict.fromkeys(("queue", "concurrencyKey", "maxAttempts", "timeout", "delay"))
    retry = {"kind": "fixed", "delay": None, "maxDelay": None, "factor": None, "jitter": None}
    wanted = {
        "type": "email:send",
        "json": '{"to":"ü"}',
        "key": "k",
        "priority": 5,
        "scheduledAt": 5,
        "retry": retry,
    }
    args = {"binding": "TASKS", "action": "enqueue", "tasks": [nothing | wanted]}
    assert ops(asked) == [["tasks", args]]
    lane.deliver(number, [["resolve", 1, [{"id": "1", "created": True}]]])
    assert lane.until(number).data == {"id": "1", "created": True}


def test_what_is_no_task_does_not_leave_javascript(lane: LaneUnderTest) -> None:
    """Wrong arguments reject with an error that says which, and no op is sent."""
    source = task(
        """
        const wrong = [
          () => env.TASKS.enqueue(1), () => env.TASKS.enqueue('t', () => {}), () => env.TASKS.enqueue('t', 1n),
          () => env.TASKS.enqueue('t', 'x'.repeat(1048577)), () => env.TASKS.enqueue('t', 1, 'options'),
          () => env.TASKS.enqueue('t', 1, { priority: 0.5 }), () => env.TASKS.enqueue('t', 1, { delay: NaN }),
          () => env.TASKS.enqueue('t', 1, { scheduledAt: 'soon' }), () => env.TASKS.enqueueMany({}),
          () => env.TASKS.get(7), () => env.TASKS.cancel(), () => env.TASKS.retry('x', 1),
        ];
        const names = [];
        for (const call of wrong) {
          try { await call(); names.push('none'); } catch (error) { names.push(error.name); }
        }
        return [names, await env.TASKS.enqueueMany([])];
        """
    )
    result = lane.run(source, bindings=TASKS)
    kinds = "Type Type Type Range Type Range Range Range Range Type Type Type"
    assert result.data == [[f"{kind}Error" for kind in kinds.split()], []]
    assert ops(result) == []
