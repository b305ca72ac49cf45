"""What a transport needs of an attempt beside its request: whose it is, where it may connect, and whom it trusts.

Must not know either transport.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from runner.http_tasks.identity import Identity
from runner.http_tasks.model import HttpConfig

if TYPE_CHECKING:
    from uuid import UUID

    from runner.http_tasks.model import AwsSigv4
    from runner.http_tasks.network import Network
    from runner.http_tasks.outgoing import Headers, Incoming, Outgoing

_OF_CONNECTIONS: Final = (
    "http_version", "ip_version", "keep_alive_duration", "session_id", "insecure", "ca", "cert", "cert_type", "cert_status",
    "key", "key_type", "dns_server", "resolve", "doh_url", "doh_insecure", "tls_version", "tls_max_version", "proxy",
    "proxy_headers", "proxy_insecure", "proxy_http_version", "proxy_auth_basic", "proxy_auth_digest", "ha_proxy_client_ip",
    "ha_proxy_protocol",
)  # fmt: skip
_DEFAULTS: Final = HttpConfig()


class Session(msgspec.Struct, frozen=True):
    """One attempt's."""

    owner: UUID
    config: HttpConfig
    network: Network
    identity: Identity = Identity()
    aws: AwsSigv4 | None = None
    profile: bytes = b""
    """Connections are shared among attempts of one owner with the same profile only; see :func:`profile_of`."""


class Transport(Protocol):
    """Sends one request, and gives its whole answer.

    When ``send`` is cancelled the request is aborted, and its connection is not used again.
    """

    async def send(self, request: Outgoing, more: Headers, session: Session) -> Incoming:
        """Send ``request`` with ``more`` headers; judge every address that is connected to.

        Raises
        ------
        ExchangeError
            There is no answer.
        OversizeError
            It is too large; what did not come yet is not waited for.

        """
        ...

    async def close(self) -> None: ...


def profile_of(config: HttpConfig, identity: Identity) -> bytes:
    """Return all by which the connections of one task may differ from another's; empty when it is nothing special."""
    said = {
        name: value
        for name in _OF_CONNECTIONS
        if (value := getattr(config, name)) != getattr(_DEFAULTS, name)
    }
    if not said:
        return b""
    # What a file or upload holds may have changed behind its name.
    return msgspec.json.encode([said, identity.ca, identity.certificate, identity.key])
