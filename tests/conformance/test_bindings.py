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
