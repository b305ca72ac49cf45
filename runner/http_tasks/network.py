"""Where an attempt may connect, and to which addresses: names are resolved as its task wants, and every address is judged.

What is judged is what is connected to: whoever connects takes the addresses from here, and asks no resolver again. Must not know HTTP
beyond DNS over HTTPS.
"""

from __future__ import annotations

import asyncio
import ipaddress
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from runner.http_tasks.dns_messages import ask, read_reply
from runner.http_tasks.errors import ExchangeError
from runner.http_tasks.system_names import is_local
from runner.ops.locations import BLOCKED_PORTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias
    from uuid import UUID

    from runner.http_tasks.dns_messages import Question
    from runner.http_tasks.model import HttpConfig
    from runner.http_tasks.system_names import SystemNames
    from runner.ops.addresses import AddressPolicy

    AskOverHttps: TypeAlias = Callable[[bytes], Awaitable[bytes]]

_DNS_PORT: Final = 53
_ANSWER_S: Final = 2.0
_ROUNDS: Final = 2
_MAX_MESSAGE: Final = 65_535


class Network:
    """The network of one attempt. ``ask_over_https`` sends a DNS message to the task's ``dohUrl``."""

    def __init__(
        self,
        owner: UUID,
        policy: AddressPolicy,
        config: HttpConfig,
        names: SystemNames,
        ask_over_https: AskOverHttps | None = None,
    ) -> None:
        self._owner = owner
        self._policy = policy
        self._config = config
        self._names = names
        self._ask_over_https = ask_over_https
        self._version: int = config.ip_version

    def allows(self, address: str, port: int) -> bool:
        """Judge a connection once more, at the last moment."""
        return port not in BLOCKED_PORTS and self._policy.allows(address)

    async def addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses to connect to for a host, at least one.

        Raises
        ------
        ExchangeError
            There is none, or none that may be connected to.

        """
        if port in BLOCKED_PORTS:
            raise ExchangeError(f"port {port} is not one that HTTP is asked for at", "EACCES")
        found = await self._find(host, port)
        of_version = [one for one in found if _version(one) == self._version]
        if not of_version:
            suffix = f" by IPv{self._version}" if found else ""
            raise ExchangeError(f"there is no host {host}{suffix}", "ENOTFOUND")
        allowed = [address for address in of_version if self._policy.allows(address)]
        if not allowed:
            raise ExchangeError(f"{host} is not a public address", "EACCES")
        return allowed

    async def allow_behind_proxy(self, host: str, port: int, proxy: list[str]) -> None:
        """Judge what a proxy is asked for: it is the proxy that connects, but maybe one within our own network.

        Raises
        ------
        ExchangeError
            It may not be connected to.

        """
        inside = not all(_is_public(address) for address in proxy)
        if inside or _literal(host) or is_local(host):
            await self.addresses(host, port)
        elif port in BLOCKED_PORTS:
            raise ExchangeError(f"port {port} is not one that HTTP is asked for at", "EACCES")

    async def _find(self, host: str, port: int) -> list[str]:
        if fixed := [
            address
            for one in self._config.resolve
            if one.port == port and one.host.lower() in {"*", host}
            for address in one.address
        ]:
            return fixed
        if literal := _literal(host):
            return [literal]
        if self._config.doh_url is not None and self._ask_over_https is not None:
            return await self._over_https(host, self._ask_over_https)
        if self._config.dns_server:
            return await self._of_servers(host)
        return await self._names.resolve(self._owner, host, self._version)

    async def _over_https(self, host: str, send: AskOverHttps) -> list[str]:
        # RFC 8484, 4.1: a number of 0 lets answers be cached.
        question = _question(host, self._version, 0)
        try:
            return read_reply(question, await send(question.message)).addresses
        except ValueError as error:
            raise ExchangeError(f"DNS over HTTPS: {error}", "ENOTFOUND") from None

    async def _of_servers(self, host: str) -> list[str]:
        question = _question(host, self._version, None)
        for server in self._config.dns_server * _ROUNDS:
            # A name server is somebody that packets are sent to, too.
            if not self._policy.allows(server):
                raise ExchangeError(f"the DNS server {server} is not a public address", "EACCES")
            with suppress(OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
                async with asyncio.timeout(_ANSWER_S):
                    reply = read_reply(question, await _by_udp(server, question))
                    if reply.truncated:
                        reply = read_reply(question, await _by_tcp(server, question))
                return reply.addresses
        raise ExchangeError("no DNS server of the task answers", "ENOTFOUND")


class _Answers(asyncio.DatagramProtocol):
    """The first datagram that answers the question; others are somebody else's."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        with suppress(ValueError):
            read_reply(self._question, data)
            if not self.answer.done():
                self.answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def _by_udp(server: str, question: Question) -> bytes:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: _Answers(question), remote_addr=(server, _DNS_PORT)
    )
    try:
        transport.sendto(question.message)
        return await protocol.answer
    finally:
        transport.close()


async def _by_tcp(server: str, question: Question) -> bytes:
    reader, writer = await asyncio.open_connection(server, _DNS_PORT)
    try:
        writer.write(struct.pack("!H", len(question.message)) + question.message)
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        return await reader.readexactly(min(length, _MAX_MESSAGE))
    finally:
        writer.close()


def _question(host: str, version: int, number: int | None) -> Question:
    try:
        return ask(host, version=version, number=number)
    except ValueError:
        raise ExchangeError(f"there is no host {host}", "ENOTFOUND") from None


def _literal(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return ""


def _version(address: str) -> int:
    return 6 if ":" in address else 4


def _is_public(address: str) -> bool:
    from runner.ops.addresses import is_public

    return is_public(ipaddress.ip_address(address))
