"""Which Host headers name this machine or network, and which a site of somebody's."""

from __future__ import annotations

import ipaddress
from typing import Final

# Names that nobody can register on the internet.
_PRIVATE_SUFFIXES: Final = (".localhost", ".local", ".internal", ".svc", ".cluster.local")


def without_port(host: str) -> str:
    """Return a Host header as a name: lower case, no port, no dot at the end; brackets stay."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].rstrip(".").lower()


def is_private(host: str) -> bool:
    """Tell whether a Host header is an address, or a name that can be nobody's domain."""
    name = without_port(host)
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return "." not in name or name.endswith(_PRIVATE_SUFFIXES)
    return True
