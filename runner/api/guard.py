"""Who may talk to the control listener: whoever has the token; without it, nobody but the probes.

A web page that a user of this machine looks at must get nothing, not even from the probes: it has no token, its name is
no name of ours (DNS rebinding), and it says where it comes from. There is no CORS, and no cookie.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from runner.api.errors import ApiError
from runner.ingress.host_names import is_private, without_port

if TYPE_CHECKING:
    from runner.api.endpoint import Access


class Guard:
    """Judges requests by token, Host and Origin. ``host`` is the one of our own address; no token closes all but probes."""

    def __init__(self, token: str, host: str) -> None:
        self._token = token.encode()
        self._host = host.lower()

    def check(self, access: Access, *, authorization: str, host: str, origin: str) -> None:
        """Let a request pass.

        Raises
        ------
        ApiError
            It may not.

        """
        known = self.knows(authorization)
        if not known and not self._is_ours(host):
            raise ApiError(
                421,
                f"{host[:100]!r} is not a name of this listener",
                advice="use its address, or send the token",
            )
        if origin and urlsplit(origin).netloc.lower() != host.lower():
            raise ApiError(403, "requests from other web pages are refused")
        if access == "open" or known:
            return
        if not self._token:
            raise ApiError(
                403,
                "this runner has no CONTROL_TOKEN, so its API is closed",
                reason="no_token",
                advice="set CONTROL_TOKEN and start it again",
            )
        wrong = "the token is wrong" if authorization else "a token is needed"
        raise ApiError(
            401,
            wrong,
            advice="send 'Authorization: Bearer TOKEN' with the runner's CONTROL_TOKEN",
            headers={"www-authenticate": 'Bearer realm="isolane"'},
        )

    def knows(self, authorization: str) -> bool:
        """Tell whether a request has the token."""
        scheme, _, token = authorization.partition(" ")
        given = token.strip().encode("utf-8", "surrogateescape")
        same = hmac.compare_digest(given, self._token)
        return same and bool(self._token) and scheme.lower() == "bearer"

    def _is_ours(self, host: str) -> bool:
        # Browsers always send one.
        return not host or is_private(host) or without_port(host) == self._host
