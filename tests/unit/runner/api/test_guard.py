"""Who may talk to the control listener."""

from __future__ import annotations

import pytest

from runner.api.errors import ApiError
from runner.api.guard import Guard

TOKEN = "0123456789abcdef"
OURS = "127.0.0.1:9420"


def refusal(guard: Guard, **headers: str) -> ApiError:
    with pytest.raises(ApiError) as caught:
        check(guard, **headers)
    return caught.value


def check(guard: Guard, *, access: str = "token", **headers: str) -> None:
    given = {"authorization": "", "host": OURS, "origin": "", **headers}
    guard.check("open" if access == "open" else "token", **given)


@pytest.fixture
def guard() -> Guard:
    return Guard(TOKEN, "ops.example.com")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_the_token_opens_everything(guard: Guard, scheme: str) -> None:
    check(guard, authorization=f"{scheme} {TOKEN}")


@pytest.mark.parametrize(
    "authorization",
    ["", TOKEN, "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xfcmlaut"],
)
def test_without_the_very_token_it_is_401_that_says_how(guard: Guard, authorization: str) -> None:
    error = refusal(guard, authorization=authorization)
    assert error.status == 401
    assert error.headers["www-authenticate"].startswith("Bearer")
    assert "CONTROL_TOKEN" in error.advice
    assert TOKEN not in error.body().decode()


def test_probes_need_no_token(guard: Guard) -> None:
    check(guard, access="open")


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer None"])
def test_a_runner_without_a_token_refuses_with_the_reason(authorization: str) -> None:
    error = refusal(Guard("", "127.0.0.1"), authorization=authorization)
    assert (error.status, error.reason) == (403, "no_token")
    assert "CONTROL_TOKEN" in str(error)


@pytest.mark.parametrize("host", ["evil.example:9420", "evil.com", "127.0.0.1.evil.com"])
def test_a_name_that_anyone_may_own_gets_not_even_a_probe(guard: Guard, host: str) -> None:
    assert refusal(guard, access="open", host=host).status == 421


@pytest.mark.parametrize(
    "host",
    ["localhost:9420", "[::1]:9420", "10.1.2.3", "runner:9420", "a.default.svc", "ops.example.com", ""],
)  # fmt: skip
def test_addresses_and_names_of_our_own_network_are_probed(guard: Guard, host: str) -> None:
    check(guard, access="open", host=host)


def test_with_the_token_any_name_does(guard: Guard) -> None:
    check(guard, authorization=f"Bearer {TOKEN}", host="behind-a-proxy.example.org")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_other_web_pages_are_refused_even_with_the_token(guard: Guard, origin: str) -> None:
    assert refusal(guard, authorization=f"Bearer {TOKEN}", origin=origin).status == 403


def test_pages_of_the_listener_itself_may_ask(guard: Guard) -> None:
    check(guard, authorization=f"Bearer {TOKEN}", origin=f"http://{OURS}")
