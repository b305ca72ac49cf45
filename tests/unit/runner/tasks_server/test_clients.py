"""Whose request it is, by what proxies say."""

from __future__ import annotations

import pytest

from runner.ingress.proxies import TrustedProxies
from runner.tasks_server.clients import client_address, is_loopback

PROXIES = TrustedProxies(["loopback", "10.0.0.0/8"])
ME, PROXY, CLIENT = "127.0.0.1", "10.1.2.3", "203.0.113.1"


@pytest.mark.parametrize(
    ("peer", "headers", "client"),
    [
        (CLIENT, {}, CLIENT),
        (CLIENT, {"x-forwarded-for": "198.51.100.1"}, CLIENT),
        (PROXY, {}, PROXY),
        (PROXY, {"x-forwarded-for": CLIENT}, CLIENT),
        (PROXY, {"x-forwarded-for": f"198.51.100.1, {CLIENT}"}, CLIENT),
        (PROXY, {"x-forwarded-for": f"198.51.100.1, {CLIENT}, {ME}"}, CLIENT),
        (PROXY, {"x-forwarded-for": f"{CLIENT}:4711"}, CLIENT),
        (PROXY, {"x-forwarded-for": f"{CLIENT}, unknown"}, PROXY),
        (PROXY, {"x-forwarded-for": f"{PROXY}, {ME}"}, PROXY),
        (PROXY, {"x-forwarded-for": "2001:db8::1"}, "2001:db8::1"),
        (PROXY, {"x-forwarded-for": "[2001:db8::1]:443"}, "2001:db8::1"),
        (PROXY, {"forwarded": f"for={CLIENT}"}, CLIENT),
        (PROXY, {"forwarded": f'For="{CLIENT}:80";by={PROXY}, for={ME};proto=http'}, CLIENT),
        (PROXY, {"forwarded": 'for="[2001:db8::1]:443"'}, "2001:db8::1"),
        (PROXY, {"forwarded": "for=_hidden"}, PROXY),
        (PROXY, {"forwarded": f"for={CLIENT}", "x-forwarded-for": "198.51.100.1"}, CLIENT),
    ],
)
def test_the_client_is_the_last_one_that_is_no_trusted_proxy(
    peer: str, headers: dict[str, str], client: str
) -> None:
    given = {name.encode(): value.encode() for name, value in headers.items()}
    assert client_address(peer, given, PROXIES) == client


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_known_by_its_addresses(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["10.0.0.1", "203.0.113.1", "2001:db8::1", "", "localhost"])
def test_others_are_not_this_machine(address: str) -> None:
    assert not is_loopback(address)
