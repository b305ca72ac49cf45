"""The guard of fetch: which addresses are public."""

from __future__ import annotations

import ipaddress

import pytest

from runner.ops.addresses import AddressPolicy, is_public

PRIVATE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "203.0.113.5",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_the_public_internet_is_closed(address: str) -> None:
    assert not AddressPolicy().allows(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_the_public_internet_is_open(address: str) -> None:
    assert AddressPolicy().allows(address)
    assert is_public(ipaddress.ip_address(address))


def test_what_is_no_address_is_closed() -> None:
    assert not AddressPolicy().allows("localhost")


def test_the_operator_may_open_a_network() -> None:
    policy = AddressPolicy(allowed=["10.1.0.0/16", "loopback"])
    assert policy.allows("10.1.2.3")
    assert policy.allows("::ffff:10.1.2.3")
    assert policy.allows("::1")
    assert not policy.allows("10.2.0.1")


def test_the_operator_may_open_everything() -> None:
    assert AddressPolicy(allow_all=True).allows("169.254.169.254")
