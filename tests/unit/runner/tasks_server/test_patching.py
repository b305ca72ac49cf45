"""What is shown of a task, and how it is changed."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.http_tasks.model import Field, HttpTask
from runner.tasks_server.errors import Refused
from runner.tasks_server.masking import MASK, view_config
from runner.tasks_server.patching import Patched, read_patch
from tests.unit.runner.tasks_server.asking import CALM, NO_FILES, NOW_MS, asked, messages, register

DUE_MS = NOW_MS + 60_000
PERSON = {"username": "me", "password": "geheim"}
COOKIE_FILE = b64encode(b"example.com\tFALSE\t/\tFALSE\t0\tgeheim\tgeheim\n").decode()


def full() -> HttpTask:
    """A task with every kind of secret, each of which reads the same."""
    body = asked()
    body["httpRequest"].update(
        url="https://example.com/a?token=geheim&page=2",
        transport="curl",
        headers={"Authorization": "geheim", "X-Api-Key": "geheim", "X-Kind": "plain"},
        query={"access_token": "geheim", "page": "1"},
        cookie=[{"name": "sid", "value": "geheim"}, {"name": "b", "value": "geheim"}],
        authBasic=PERSON,
        authAwsSigv4={"provider1": "aws", "provider2": "amz", "region": "r", "service": "s", "key": "geheim", "secret": "geheim"},
        data={"a": 1, "author": "me", "b": {"password": "geheim", "pin": None}, "token": "geheim"},
    )  # fmt: skip
    body["config"] = {
        "executionDelay": 60_000,
        "retry": 3,
        "proxy": {"protocol": "http", "host": "p"},
        "proxyHeaders": {"X-A": "geheim"},
        "proxyAuthBasic": PERSON,
        "locationTrusted": PERSON,
        "signature": {"secret": "geheim" * 5},
    }
    return register({**body, "metadata": {"a": "1", "b": "2"}})


def patch(task: HttpTask, body: object, executes_ms: int = DUE_MS) -> Patched:
    return read_patch(task, msgspec.json.encode(body), NOW_MS, executes_ms, NO_FILES)


def wrong(task: HttpTask, body: object) -> Any:
    with pytest.raises(Refused) as caught:
        patch(task, body)
    return caught.value.message


def test_no_secret_is_shown() -> None:
    task = full()
    view = view_config(task)
    assert b"geheim" not in msgspec.json.encode(view)
    assert view["httpRequest"]["url"] == f"https://example.com/a?token={MASK}&page=2"
    assert view["httpRequest"]["headers"] == {"Authorization": MASK, "X-Api-Key": MASK, "X-Kind": "plain"}  # fmt: skip
    assert view["httpRequest"]["query"] == {"access_token": MASK, "page": "1"}
    assert view["httpRequest"]["authBasic"] == {"username": "me", "password": MASK}
    assert view["httpRequest"]["data"] == {"a": 1, "author": "me", "b": {"password": MASK, "pin": None}, "token": MASK}  # fmt: skip
    assert view["config"]["proxyHeaders"] == {"X-A": MASK}
    file = msgspec.structs.replace(task.request, cookie=COOKIE_FILE)
    assert view_config(msgspec.structs.replace(task, request=file))["httpRequest"]["cookie"] == MASK


def test_fields_that_are_named_like_secrets_are_hidden() -> None:
    fields = [{"name": "user", "value": "me"}, {"name": "password", "value": "geheim"}]
    task = register(asked("httpRequest", "data", fields))
    shown = view_config(task)["httpRequest"]["data"]
    assert shown == [fields[0], {"name": "password", "value": MASK}]
    assert patch(task, {"httpRequest": {"data": shown[::-1]}}).task.request.data == [
        Field(name="password", value="geheim"),
        Field(name="user", value="me"),
    ]


def test_all_that_is_no_secret_is_shown() -> None:
    view = view_config(register({**asked("config", "retry", 3), "metadata": {"a": "b"}}))
    assert view["metadata"] == {"a": "b"}
    assert view["httpRequest"]["method"] == "POST"
    assert view["httpRequest"]["authBasic"] is None
    assert view["config"]["retry"] == 3
    assert view["config"]["timeout"] == 30_000


@pytest.mark.parametrize(
    ("config", "field", "shown"),
    [
        ({"key": "folder/key.pem"}, "key", "folder/key.pem"),
        ({"key": "upload:AB"}, "key", "upload:AB"),
        ({"key": b64encode(b"-----BEGIN PRIVATE KEY-----").decode()}, "key", MASK),
        ({"key": b64encode(b"\x30").decode()}, "key", MASK),
        ({"cert": {"value": b64encode(b"certificate").decode()}}, "cert", {"value": b64encode(b"certificate").decode()}),
        ({"cert": {"value": b64encode(b"RSA PRIVATE KEY").decode(), "password": "p"}}, "cert", {"value": MASK, "password": MASK}),
        ({"cert": {"value": b64encode(b"p12").decode()}, "certType": "P12"}, "cert", {"value": MASK}),
        ({"ca": b64encode(b"certificate").decode()}, "ca", b64encode(b"certificate").decode()),
    ],
)  # fmt: skip
def test_of_certificates_only_private_parts_are_hidden(
    config: dict[str, Any], field: str, shown: object
) -> None:
    request = {"url": "https://a", "method": "GET"}
    task = msgspec.convert({"request": request, "config": config}, HttpTask)
    assert view_config(task)["config"][field] == shown


def test_what_was_read_can_be_sent_back_and_changes_nothing() -> None:
    task = full()
    assert patch(task, view_config(task)) == Patched(task=task, executes_ms=None)
    due = register(asked("config", "executeAt", DUE_MS, retryAt="2099-01-01"))
    assert patch(due, view_config(due)) == Patched(task=due, executes_ms=None)


def test_only_what_is_named_is_changed() -> None:
    task = full()
    made = patch(task, {"httpRequest": {"method": "put"}, "config": {"timeout": 5000}}).task
    assert made.request == msgspec.structs.replace(task.request, method="PUT")
    assert made.config == msgspec.structs.replace(task.config, timeout=5000)
    assert made.metadata == task.metadata


def test_null_takes_a_field_away() -> None:
    made = patch(full(), {"httpRequest": {"authBasic": None, "cookie": None, "transport": None, "authAwsSigv4": None}, "config": {"retry": None}, "metadata": None}).task  # fmt: skip
    assert (made.request.auth_basic, made.request.cookie) == (None, None)
    assert made.request.transport == "fetch"
    assert made.config.retry == 0
    assert made.metadata is None


def test_maps_are_changed_key_by_key() -> None:
    request = {
        "headers": {"X-Kind": None, "Authorization": MASK, "X-New": "n"},
        "query": {"page": "2"},
    }
    made = patch(full(), {"httpRequest": request, "metadata": {"a": None, "c": "3"}}).task
    assert made.request.headers == {"Authorization": "geheim", "X-Api-Key": "geheim", "X-New": "n"}
    assert made.request.query == {"access_token": "geheim", "page": "2"}
    assert made.metadata == {"b": "2", "c": "3"}
    assert patch(full(), {"metadata": {"a": None, "b": None}}).task.metadata is None


def test_a_secret_that_is_sent_as_it_is_shown_stays() -> None:
    request = {
        "authBasic": {"username": "you", "password": MASK},
        "cookie": [{"name": "b", "value": MASK}, {"name": "c", "value": "3"}],
    }
    made = patch(full(), {"httpRequest": request, "config": {"signature": {"secret": MASK, "header": "X-Mine"}}}).task  # fmt: skip
    assert made.request.auth_basic is not None
    assert (made.request.auth_basic.username, made.request.auth_basic.password) == ("you", "geheim")
    assert isinstance(made.request.cookie, list)
    assert [(one.name, getattr(one, "value", "")) for one in made.request.cookie] == [("b", "geheim"), ("c", "3")]  # fmt: skip
    assert made.config.signature is not None
    assert made.config.signature.secret == "geheim" * 5


def test_secrets_of_one_name_stay_apart() -> None:
    """They are shown alike; the first is the first."""
    fields = [{"name": "token", "value": f"geheim {number}"} for number in range(2)]
    task = register(asked("httpRequest", "data", fields, method="POST"))
    shown = view_config(task)["httpRequest"]["data"]
    new = {"name": "a", "value": "b"}
    made = patch(task, {"httpRequest": {"data": [new, *shown, shown[0]]}}).task.request.data
    assert msgspec.to_builtins(made) == [new, *fields, fields[1]]


def test_a_new_delay_counts_from_now_and_a_new_date_is_one() -> None:
    assert patch(full(), {"config": {"executionDelay": 5}}).executes_ms == NOW_MS + 5
    moved = patch(full(), {"config": {"executeAt": NOW_MS + 9}})
    assert moved.executes_ms == NOW_MS + 9
    assert moved.task.config.execution_delay == 0
    back = patch(moved.task, {"config": {"executionDelay": 7}})
    assert back.executes_ms == NOW_MS + 7
    assert back.task.config.execute_at is None
    dropped = patch(moved.task, {"config": {"executeAt": None}})
    assert dropped.executes_ms == NOW_MS + 1


def test_a_date_that_has_passed_is_no_obstacle_to_other_changes() -> None:
    due = register(asked("config", "executeAt", NOW_MS + 1, retryAt=NOW_MS + 2000))
    made = read_patch(due, b'{"config":{"timeout":5000}}', NOW_MS + 9999, NOW_MS + 9999, NO_FILES)
    assert (made.task.config.timeout, made.executes_ms) == (5000, None)


def test_dates_are_after_the_execution_that_is_planned() -> None:
    assert patch(full(), {"config": {"retryAt": DUE_MS + 1000}}).task.config.retry == 1
    tree = wrong(full(), {"config": {"timeoutAt": DUE_MS + 999}})
    assert messages(tree, "config", "timeoutAt") == [
        "Timeout date must be greater than execution date"
    ]


def test_retries_end_a_retry_date_and_grow_as_they_would_have() -> None:
    once = register(asked("config", "retryAt", "2099-01-01"))
    made = patch(once, {"config": {"retry": 4, "retryInterval": 7}}).task.config
    assert (made.retry_at, made.retry, made.retry_interval, made.retry_exponential) == (None, 4, 7, True)  # fmt: skip
    assert not patch(once, {"config": {"retry": 4, "retryExponential": False}}).task.config.retry_exponential  # fmt: skip


@pytest.mark.parametrize(
    ("body", "path", "expected"),
    [
        ([], (), "Expected object, received array"),
        ({"x": 1}, (), "Unrecognized key(s) in object: 'x'"),
        ({"config": None}, ("config",), "Expected object, received null"),
        ({"metadata": "x"}, ("metadata",), "Expected object, received string"),
        ({"config": {"x": 1}}, ("config",), "Unrecognized key(s) in object: 'x'"),
        ({"httpRequest": {"url": None}}, ("httpRequest", "url"), "Required"),
        ({"httpRequest": {"headers": "x"}}, ("httpRequest", "headers"), "Expected object, received string"),
        ({"httpRequest": {"transport": "fetch"}}, ("httpRequest", "authAwsSigv4"), "Invalid fetch option"),
        ({"config": {"executeAt": NOW_MS}}, ("config", "executeAt"), "Execution date must be greater than today"),
    ],
)  # fmt: skip
def test_what_could_not_be_registered_so_is_refused(
    body: object, path: tuple[str, ...], expected: str
) -> None:
    assert messages(wrong(full(), body), *path) == [expected]


PATCHES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(MASK),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["httpRequest", "config", "metadata", "headers", "cookie", "authBasic", "url", "retry", "retryAt", "executeAt", "signature", "secret", "proxy", "name", "value", "password"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@CALM
@given(PATCHES)
def test_any_json_changes_a_task_or_is_refused(body: Any) -> None:
    task = full()
    try:
        made = patch(task, body)
    except Refused as refused:
        assert refused.status == 400  # noqa: PT017
    else:
        assert isinstance(made.task, HttpTask)
