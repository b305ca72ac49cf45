"""What a registration becomes as a whole."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.http_tasks.model import Credentials, Field, HttpConfig, HttpTask
from runner.tasks_server.errors import Refused
from runner.tasks_server.registration import execution_at, read_registration
from tests.unit.runner.tasks_server.asking import (
    CALM,
    NO_FILES,
    NOW_MS,
    asked,
    messages,
    refusal,
    register,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip
NAMES = st.sampled_from(["httpRequest", "config", "metadata", "_errors", "x"])
FIELDS = st.sampled_from(
    ["url", "method", "data", "headers", "cookie", "transport", *(one.encode_name for one in msgspec.structs.fields(HttpConfig))]
)  # fmt: skip
WORDS = st.sampled_from(["https://a.b/c", "POST", "curl", "Dec 12 2099", "AUTO", "PEM", "aGVsbG8="])


def test_the_documents_example_is_a_task() -> None:
    config = {
        "executionDelay": 86_400_000,
        "retry": 5,
        "retryInterval": 3_600_000,
        "retryExponential": False,
    }
    request = {"url": "https://target-service", "method": "POST"}
    task = register({"httpRequest": request, "config": config})
    assert task.request.url == "https://target-service"
    assert task.config == HttpConfig(
        execution_delay=86_400_000, retry=5, retry_interval=3_600_000, retry_exponential=False
    )
    assert task.metadata is None


def test_without_a_word_all_is_as_the_document_says() -> None:
    request = {"url": "https://a/b", "method": "get", "transport": None}
    task = register({"httpRequest": request})
    assert task.request.transport == "fetch"
    assert task.config == HttpConfig(retry_exponential=False)
    assert (task.config.timeout, task.config.redirect_attempts) == (30_000, 8)


def test_all_mistakes_are_told_at_once() -> None:
    tree = refusal(
        {"httpRequest": {"method": "NO", "x": 1}, "config": {"retry": -1}, "y": 1, "z": 2}
    )
    assert tree == {
        "_errors": ["Unrecognized key(s) in object: 'y', 'z'"],
        "httpRequest": {
            "_errors": ["Unrecognized key(s) in object: 'x'"],
            "url": {"_errors": ["Required"]},
            "method": {
                "_errors": [
                    "Invalid enum value. Expected 'GET' | 'POST' | 'DELETE' | 'PUT' | 'PATCH', received 'NO'"
                ]
            },
        },
        "config": {
            "_errors": [],
            "retry": {"_errors": ["Number must be greater than or equal to 0"]},
        },
    }


def test_of_very_many_mistakes_some_are_told() -> None:
    query = {f"{index} ": "x" for index in range(1000)}
    assert len(refusal(asked("httpRequest", "query", query))["httpRequest"]["query"]) == 101


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"a":1}x', b"[" * 30_000, b'"\\ud800"'])
def test_what_is_no_json_is_called_an_invalid_value(body: bytes) -> None:
    with pytest.raises(Refused) as caught:
        read_registration(body, NOW_MS, NO_FILES)
    assert caught.value.message == "A request includes an invalid credential or value"


def test_a_body_must_be_an_object_with_a_request() -> None:
    assert messages(refusal([])) == ["Expected object, received array"]
    assert messages(refusal({}), "httpRequest") == ["Required"]


def test_a_key_named_as_messages_are_does_not_hide_them() -> None:
    assert messages(refusal({**asked(), "metadata": {"_errors": 1}}), "metadata") == [
        "Expected string, received number"
    ]


@pytest.mark.parametrize(
    ("given_config", "forced"),
    [
        ({"executeAt": 1_795_000_000_001, "executionDelay": 5}, {"execution_delay": 0}),
        ({"retryAt": "2099-01-01", "retry": 9, "retryInterval": 7}, {"retry": 1, "retry_interval": 0, "retry_exponential": False}),
        ({"retry": 0, "retryExponential": True}, {"retry_exponential": False}),
        ({"retry": 1, "retryExponential": True}, {"retry_exponential": False}),
        ({"retry": 2}, {"retry_exponential": True}),
        ({"retry": 2, "retryExponential": False}, {"retry_exponential": False}),
        ({"proxy": {"protocol": "http", "host": "p"}}, {}),
    ],
)  # fmt: skip
def test_some_settings_follow_from_others(
    given_config: dict[str, Any], forced: dict[str, Any]
) -> None:
    config = register({**asked(), "config": given_config}).config
    assert {name: getattr(config, name) for name in forced} == forced


def test_a_proxy_without_port_is_at_curls() -> None:
    proxy = register(asked("config", "proxy", {"protocol": "http", "host": "p"})).config.proxy
    assert proxy is not None
    assert proxy.port == 1080


@pytest.mark.parametrize("method", ["GET", "DELETE", "get"])
def test_a_request_that_only_asks_has_no_data(method: str) -> None:
    assert register(asked("httpRequest", "data", "x", method=method)).request.data is None


def test_the_three_kinds_of_data_stay_what_they_are() -> None:
    assert register(asked("httpRequest", "data", "text")).request.data == "text"
    tree = {"a": {"b": {"c": None}}, "d": 1.5}
    assert register(asked("httpRequest", "data", tree)).request.data == tree
    fields = [{"name": "a", "value": "b"}]
    assert register(asked("httpRequest", "data", fields)).request.data == [
        Field(name="a", value="b")
    ]


def test_headers_about_the_user_agent_are_dropped() -> None:
    headers = {"User-Agent": "x", "X-user-agent-y": "z", "X-A": " b "}
    assert register(asked("httpRequest", "headers", headers)).request.headers == {"X-A": "b"}


def test_credentials_come_as_they_are() -> None:
    person = {"username": "me", "password": "pw"}
    assert register(asked("httpRequest", "authBasic", person)).request.auth_basic == Credentials(
        username="me", password="pw"
    )


def test_an_option_that_asks_for_nothing_is_never_refused() -> None:
    nothing = {
        "httpVersion": "1.1",
        "certStatus": False,
        "haProxyProtocol": False,
        "proxyHttpVersion": "1.1",
    }
    assert refusal({**asked(), "config": nothing}) is None


@pytest.mark.parametrize("name", ["retryAt", "timeoutAt"])
def test_dates_are_a_second_after_the_execution_at_least(name: str) -> None:
    for when, executes in (
        ({"executionDelay": 5000}, NOW_MS + 5000),
        ({"executeAt": NOW_MS + 9}, NOW_MS + 9),
    ):
        assert refusal({**asked(), "config": {**when, name: executes + 1000}}) is None
        tree = refusal({**asked(), "config": {**when, name: executes + 999}})
        word = name.removesuffix("At").capitalize()
        assert messages(tree, "config", name) == [
            f"{word} date must be greater than execution date"
        ]


def test_a_task_is_executed_at_its_date_or_after_its_delay() -> None:
    assert execution_at(register(asked("config", "executeAt", NOW_MS + 9)).config, 1) == NOW_MS + 9
    assert execution_at(register(asked("config", "executionDelay", 7)).config, 1) == 8
    assert execution_at(register(asked()).config, 1) == 2


@CALM
@given(
    JSON
    | st.dictionaries(NAMES, JSON | st.dictionaries(FIELDS, JSON | WORDS, max_size=6), max_size=4)
)
def test_any_json_is_a_task_or_a_tree_of_what_is_wrong(body: Any) -> None:
    wrong = refusal(body)
    assert wrong is None or messages(wrong) is not None


@CALM
@given(st.dictionaries(FIELDS, JSON | WORDS, max_size=3), st.sampled_from(["fetch", "curl"]))
def test_any_settings_are_taken_or_refused_with_their_names(
    config: dict[str, Any], transport: str
) -> None:
    wrong = refusal({**asked("httpRequest", "transport", transport), "config": config})
    assert wrong is None or wrong["config"].keys() <= {*config, "_errors", "key"}


@CALM
@given(st.binary(max_size=200))
def test_any_bytes_are_answered(body: bytes) -> None:
    with pytest.raises(Refused):
        read_registration(body, NOW_MS, NO_FILES)


@CALM
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "data": st.text(min_size=1, max_size=50) | st.dictionaries(st.sampled_from("abc"), st.integers() | st.text(max_size=9)),
            "query": st.dictionaries(st.sampled_from(["a", "b[]"]), st.text(min_size=1, max_size=9)),
        },
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "retry": st.integers(0, 999),
            "timeout": st.integers(1000, 10**6),
            "hsts": st.booleans(),
            "resolve": st.just([{"host": "*", "port": 80, "address": ["1.1.1.1"]}]),
            "proxy": st.just({"protocol": "http", "host": "p"}),
            "signature": st.just({"secret": "s" * 16}),
        },
    ),
)  # fmt: skip
def test_a_task_is_the_same_after_it_was_stored(
    request: dict[str, Any], config: dict[str, Any]
) -> None:
    body = asked()
    body["httpRequest"].update(request)
    task = register({**body, "config": config, "metadata": {"a": "b"}})
    assert msgspec.json.decode(msgspec.json.encode(task), type=HttpTask) == task
