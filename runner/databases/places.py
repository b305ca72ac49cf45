"""From a database binding to a connection: where it leads, and what of it the runner lends.

A tenant's own connection string is hostile input to libpq, which knows files, environment variables and sockets of the
runner's machine: only what is listed here gets through, and the address that was judged is the one connected to.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, Any, Final

import certifi
import psycopg
from psycopg.conninfo import conninfo_to_dict

from runner.databases.results import StatementError, too_large
from runner.databases.session import Session
from runner.databases.wire import CONNECT_S, Wire
from runner.errors import OpError
from runner.store.named_queries import load_queries
from runner.store.tenant_databases import role_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from runner.bindings import DatabaseBinding
    from runner.ops.addresses import AddressPolicy
    from runner.store.tenant_databases import TenantRoles

_log = logging.getLogger(__name__)

_MAX_ADDRESSES: Final = 3
_NOWHERE: Final = "/nonexistent"
_TAKEN: Final = frozenset(
    {"channel_binding", "dbname", "host", "password", "port", "sslmode", "user"}
)
_IGNORED: Final = frozenset(
    {"application_name", "client_encoding", "connect_timeout", "fallback_application_name"}
)
_FIXED: Final[dict[str, Any]] = {
    "application_name": "isolane",
    "client_encoding": "UTF8",
    "gssencmode": "disable",
    # Nothing of the runner's user: neither passwords nor certificates in its home folder, nor tickets.
    "passfile": _NOWHERE,
    "require_auth": "password,md5,scram-sha-256,none",
    "sslcertmode": "disable",
    "sslcrl": _NOWHERE,
    "target_session_attrs": "any",
}


class Places:
    """Opens sessions."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._url = ""
        self._roles: TenantRoles | None = None
        self._queries = load_queries("tenant_sessions")

    def serve_platform(self, url: str, roles: TenantRoles) -> None:
        """From now on, databases of the platform are there, on the server of ``url``."""
        self._url = url
        self._roles = roles

    async def connect(self, binding: DatabaseBinding) -> Session:
        """Open a session.

        Raises
        ------
        OpError
            It can not be opened; the text says why, as far as that is the tenant's.

        """
        if binding.url:
            return await self._connect_theirs(binding)
        return await self._connect_ours(binding)

    async def _open(
        self,
        binding: DatabaseBinding,
        place: dict[str, Any],
        end: Callable[[Session], Awaitable[None]] | None,
    ) -> Session:
        try:
            wire = await Wire.connect(place, too_large)
        except TimeoutError:
            raise psycopg.errors.ConnectionTimeout from None
        except StatementError as error:
            raise psycopg.OperationalError(error.message) from None
        session = Session(wire, binding, self._queries, end)
        try:
            await session.settle()
        except BaseException:
            await session.close()
            raise
        return session

    # --- our server -----------------------------------------------------------------------------------------------

    async def _connect_ours(self, binding: DatabaseBinding) -> Session:
        if self._roles is None or not binding.password:
            raise OpError("Error", "this database was not made by this platform")
        role = role_of(binding.id)
        place = conninfo_to_dict(self._url, user=role, dbname=role, password=binding.password)
        place |= {name: _FIXED[name] for name in ("application_name", "client_encoding")}
        try:
            try:
                return await self._open(binding, place, self._end)
            except psycopg.OperationalError as error:
                if "password authentication failed" not in str(error):
                    raise
                await self._roles.restore_password(binding.id, binding.password)
                return await self._open(binding, place, self._end)
        except psycopg.Error as error:
            if "too many connections" in str(error):
                raise OpError(
                    "Error", "the database has all its connections in use, try again later"
                ) from None
            _log.warning("the database of a tenant is not available: %s", error)
            raise OpError("Error", "the database is not available, try again later") from None

    async def _end(self, session: Session) -> None:
        assert self._roles is not None
        await self._roles.end_session(session.binding.id, session.pid)

    # --- a tenant's server ----------------------------------------------------------------------------------------

    async def _connect_theirs(self, binding: DatabaseBinding) -> Session:
        place = _judged(binding.url)
        last: psycopg.Error | None = None
        for address in await self._addresses(place["host"], int(place["port"])):
            try:
                return await self._open(binding, place | {"hostaddr": address}, None)
            except psycopg.Error as error:
                last = error
        assert last is not None
        raise OpError("Error", f"can not connect to the database: {_why(last)}") from None

    async def _addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host that may be connected to."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_S):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, TimeoutError):
            raise OpError(
                "Error", "can not connect to the database: there is no such host"
            ) from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        allowed = [address for address in addresses if self._policy.allows(address)]
        if not allowed:
            raise OpError(
                "Error", "can not connect to the database: its host is not a public address"
            )
        return allowed[:_MAX_ADDRESSES]


def _judged(url: str) -> dict[str, Any]:
    """Return what may be taken of a tenant's connection string.

    Raises
    ------
    OpError
        It has something that may not, or lacks what libpq would look for elsewhere.

    """
    try:
        given = {name: str(value) for name, value in conninfo_to_dict(url).items() if value}
    except (psycopg.ProgrammingError, UnicodeError):
        raise _refused("it can not be read") from None
    given = {name: value for name, value in given.items() if name not in _IGNORED}
    root = given.pop("sslrootcert", "system")
    if unknown := sorted(given.keys() - _TAKEN):
        raise _refused(f"{', '.join(unknown)} can not be set")
    if root != "system":
        raise _refused("sslrootcert can only be system")
    for name in ("host", "user", "password"):
        if name not in given:
            raise _refused(f"it has no {name}")
    host, port = given["host"], given.get("port", "5432")
    if "," in host or host.startswith(("/", "@")):
        raise _refused("its host is not one host name or address")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16):
        raise _refused("its port is no number of a port")
    mode = given.get("sslmode", "prefer")
    verified = mode.startswith("verify-")
    return {
        **_FIXED,
        "host": host,
        "port": port,
        "user": given["user"],
        "password": given["password"],
        "dbname": given.get("dbname", given["user"]),
        "sslmode": mode,
        "sslrootcert": certifi.where() if verified else _NOWHERE,
        "channel_binding": given.get("channel_binding", "prefer"),
        "options": "",
    }


def _refused(why: str) -> OpError:
    return OpError("Error", f"the binding's connection string is refused: {why}")


def _why(error: psycopg.Error) -> str:
    """Say why, without the addresses that libpq names."""
    text = str(error)
    if isinstance(error, psycopg.errors.ConnectionTimeout):
        return f"no answer within {CONNECT_S:g} s"
    if (sign := text.find("FATAL:")) >= 0:
        # The server's own words.
        return text[sign + 6 :].strip().partition("\n")[0][:200]
    for part, why in (
        ("certificate", "its certificate is not valid"),
        ("SSL", "TLS failed"),
        ("refused", "the connection was refused"),
        ("closed the connection", "the server closed the connection"),
    ):
        if part in text:
            return why
    return "the server can not be reached"
