"""Which addresses a worker's ``fetch`` may reach: the public internet, unless the operator opens more.

The guard against server-side request forgery. Must not know HTTP or sockets: it judges addresses, not names; whoever
connects resolves first and connects to the very address that was judged.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK: Final = ("127.0.0.0/8", "::1/128")

# What the ipaddress module of some supported Python calls global, or did: said here once and for all (RFC 6890).
_NOT_PUBLIC: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return the networks that a setting names; ``loopback`` stands for both kinds."""
    names: list[str] = []
    for text in texts:
        names += LOOPBACK if text == "loopback" else (text,)
    return tuple(ipaddress.ip_network(name, strict=False) for name in names)


def contains(candidates: Iterable[Network], address: IPAddress) -> bool:
    """Tell whether one of the networks has the address; an IPv4 address written as IPv6 counts as what it is."""
    plain = _unwrap(address)
    return any(plain.version == network.version and plain in network for network in candidates)


class AddressPolicy:
    """Judges addresses."""

    def __init__(self, *, allow_all: bool = False, allowed: Iterable[str] = ()) -> None:
        self._allow_all = allow_all
        self._allowed = networks(allowed)

    def allows(self, text: str) -> bool:
        """Tell whether a worker may connect to an address (as ``getaddrinfo`` writes it)."""
        if self._allow_all:
            return True
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            return False
        return is_public(address) or contains(self._allowed, address)


def is_public(address: IPAddress) -> bool:
    """Tell whether an address is one of the public internet's; what embeds an IPv4 address is judged by that, too."""
    plain = _unwrap(address)
    if isinstance(plain, ipaddress.IPv6Address):
        inner = plain.sixtofour
        if inner is not None and not is_public(inner):
            return False
    return plain.is_global and not any(
        plain.version == network.version and plain in network for network in _NOT_PUBLIC
    )


def _unwrap(address: IPAddress) -> IPAddress:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        packed = int(address)
        # ::a.b.c.d, deprecated, but some stacks still route it; :: and ::1 are no such addresses.
        if packed >> 32 == 0 and packed > 0xFFFF:
            return ipaddress.IPv4Address(packed)
        if address in _NAT64:
            return ipaddress.IPv4Address(packed & 0xFFFF_FFFF)
    return address
