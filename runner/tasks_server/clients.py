"""Which address a request comes from: its connection's, or what trusted proxies say of it.

Each proxy adds whom it was asked by at the end; the last one that is no trusted proxy is the client. What stands before it anybody may
have written. Source: RFC 7239.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.ingress.proxies import TrustedProxies

_FOR: Final = re.compile(r'(?:^|[;,\s])for\s*=\s*(?:"([^"]*)"|([^;,\s]*))', re.IGNORECASE)


def client_address(peer: str, headers: Mapping[bytes, bytes], proxies: TrustedProxies) -> str:
    """Return the address of who asks; ``headers`` may have ``forwarded`` and ``x-forwarded-for``."""
    client = peer
    if not proxies.trusts(peer):
        return client
    for hop in reversed(_chain(headers)):
        address = _address(hop)
        if address is None:
            return client
        client = address
        if not proxies.trusts(client):
            return client
    return client


def is_loopback(address: str) -> bool:
    """Tell whether an address is this machine's own."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback


def _chain(headers: Mapping[bytes, bytes]) -> list[str]:
    if forwarded := headers.get(b"forwarded"):
        found = _FOR.finditer(forwarded.decode("latin-1"))
        return [match[1] if match[1] is not None else match[2] for match in found]
    given = headers.get(b"x-forwarded-for", b"").decode("latin-1")
    return [part.strip() for part in given.split(",")] if given else []


def _address(hop: str) -> str | None:
    """Return what a proxy calls a client as an address, without its port; None for names that hide it."""
    host = hop
    if hop.startswith("["):
        host = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        host = hop.partition(":")[0]
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None
