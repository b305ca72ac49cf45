"""How the sending of HTTP tasks is set: what the variables may say. Texts of ValueErrors say what is allowed. Importing this must stay
cheap.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    OwnersNetworks = dict[UUID, tuple[str, ...]]

_MOST: Final = 10_000
_HOST: Final = re.compile(r"(?!-)[A-Za-z0-9.-]{1,253}")
_ALLOWED: Final = "a comma list like OWNER=10.0.0.0/8+192.168.1.5 is allowed, with owners' ids, networks and loopback"


def _concurrency(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > _MOST:
        raise ValueError(f"a whole number, 0 to {_MOST}, is allowed")
    return int(text)


def _hostname(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError("the name of a host is allowed")
    return text


def _networks(text: str) -> OwnersNetworks:
    """Return what owners' tasks may reach although it is not public, by owner."""
    from runner.ops.addresses import networks
    from runner.tasks_server.ids import read_ulid

    found: OwnersNetworks = {}
    for part in text.split(","):
        name, _, listed = part.partition("=")
        owner = read_ulid(name.strip())
        names = tuple(one.strip() for one in listed.split("+"))
        try:
            networks(names)
        except ValueError:
            owner = None
        if owner is None:
            raise ValueError(f"{_ALLOWED}; {part.strip()!r} is none")
        found[owner] = (*found.get(owner, ()), *names)
    return found


HTTP_TASKS_TABLE: Final[tuple[tuple[str, str, Callable[[str], Any]], ...]] = (
    ("HTTP_TASKS_CONCURRENCY", "http_tasks_concurrency", _concurrency),
    ("HTTP_TASKS_ALLOWED_NETWORKS", "http_tasks_networks", _networks),
    ("CONNECTIVITY_HOSTNAME", "connectivity_hostname", _hostname),
)
"""For the table of all settings: variable, field, reading."""
