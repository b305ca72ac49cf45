"""Whose word counts: requests from trusted proxies may say who the client is, and for which worker they are.

Must not know what the words mean.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from runner.ops.addresses import contains, networks

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_REMEMBERED: Final = 10_000


class TrustedProxies:
    """Judges peers by their address, and remembers the judgements."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self._networks = networks(trusted)
        self._judged: dict[str, bool] = {}

    def trusts(self, peer: str) -> bool:
        judged = self._judged.get(peer)
        if judged is None:
            judged = self._judge(peer)
            if len(self._judged) >= _MAX_REMEMBERED:
                self._judged.clear()
            self._judged[peer] = judged
        return judged

    def _judge(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        return contains(self._networks, address)
