"""The runner's connection to NATS: made once, kept for ever, drained at the end.

Must not know subjects, nor what messages mean. Log lines name servers without their passwords.
"""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from nats import errors

from runner.errors import ConfigError, NatsUnavailableError
from runner.nats.client import Client, headers_to_send
from runner.nats.credentials import read_credentials
from runner.service_settings import without_password

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from nats.aio.client import Server
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from runner.nats.client import Pairs

_log = logging.getLogger(__name__)
_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 5.0
_CONNECT_WITHIN_S: Final = 5
_DRAIN_WITHIN_S: Final = 5
_ANSWER_WITHIN_S: Final = 3
_BRIEFLY_S: Final = 1
_SILENT_S: Final = 10.0
"""For so long a server that was asked for a sign and gave none is not asked for another."""
_PING_EVERY_S: Final = 10
_REPORT_EVERY_S: Final = 10.0
_BUFFER_BYTES: Final = 4 << 20
"""What may wait for the socket; beyond it ``publish`` waits, or fails while there is no connection."""
_MAX_MESSAGES: Final = 65_536
_MAX_BYTES: Final = 64 << 20


class Bus:
    """One connection, with all that may go wrong with it told to the log.

    Raises
    ------
    ConfigError
        The credentials are none.

    """

    def __init__(self, servers: Sequence[str], credentials: str, name: str) -> None:
        self._servers = list(servers)
        self._login = _login(servers, credentials)
        self._name = name
        self._attempts = 0
        self._lost: dict[str, int] = {}
        self._reported: dict[str, float] = {}
        self._closing = False
        self._silent_until = 0.0
        self.client = Client()
        """nats-py's, for what this class does not cover (JetStream)."""
        self.on_reconnect: list[Callable[[], None]] = []
        self.on_disconnect: list[Callable[[], None]] = []

    @property
    def connected(self) -> bool:
        return self.client.is_connected

    @property
    def max_payload(self) -> int:
        """Bytes that a message may have, its headers included."""
        return self.client.max_payload

    @property
    def place(self) -> str:
        """Where it is, in words that may be shown."""
        return ", ".join(map(without_password, self._servers))

    async def publish(
        self, subject: str, payload: bytes = b"", *, reply: str = "", headers: Pairs | None = None
    ) -> None:
        """Send a message; while there is no connection it waits in a buffer.

        Raises
        ------
        NatsUnavailableError
            The buffer is full, or the connection is closed for good.
        ValueError
            The subject is none, or the message is larger than ``max_payload``.

        """
        try:
            await self.client.publish(
                subject, payload, reply, headers=headers_to_send(headers) if headers else None
            )
        except (errors.BadSubjectError, errors.BadHeaderError, errors.MaxPayloadError) as error:
            raise ValueError(f"{error}") from error
        except errors.Error as error:
            raise NatsUnavailableError(self.place, f"{error}") from error

    async def subscribe(
        self,
        subject: str,
        handler: Callable[[Msg], Awaitable[None]],
        *,
        queue: str = "",
        max_messages: int = _MAX_MESSAGES,
        max_bytes: int = _MAX_BYTES,
    ) -> Subscription:
        """Call ``handler`` for one message after another; what it does not take in time is lost, and logged.

        Raises
        ------
        NatsUnavailableError
            The connection is closed for good.

        """
        try:
            return await self.client.subscribe(
                subject,
                queue=queue,
                cb=handler,
                pending_msgs_limit=max_messages,
                pending_bytes_limit=max_bytes,
            )
        except errors.Error as error:
            raise NatsUnavailableError(self.place, f"{error}") from error

    async def leave(self, *subscriptions: Subscription) -> None:
        """End subscriptions, once all that the server sent for them was taken; one that says nothing is not waited for long."""
        await asyncio.gather(*map(self._leave, subscriptions))

    async def _leave(self, subscription: Subscription) -> None:
        try:
            if self.connected and not self._silent:
                async with asyncio.timeout(_ANSWER_WITHIN_S):
                    await subscription.drain()  # type: ignore[no-untyped-call]
            else:
                await subscription.unsubscribe()
        except TimeoutError:
            self._note_silence(f"leaving {subscription.subject}")
        except (errors.Error, OSError) as error:
            if not self.client.is_closed:
                _log.warning("NATS: leaving %s: %s", subscription.subject, _words(error))

    async def flush(self) -> None:
        """Wait until the server has taken what was published.

        Raises
        ------
        NatsUnavailableError
            It has not within ten seconds.

        """
        try:
            await self.client.flush()
        except (errors.Error, OSError) as error:
            raise NatsUnavailableError(self.place, _words(error)) from error

    # --- the way in and out ---------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Wait until NATS is there, as long as it takes."""
        while True:
            self.client = Client()
            try:
                # Our own loop, as nats-py's neither backs off nor tells.
                await self.client.connect(
                    self._servers,
                    name=self._name,
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    connect_timeout=_CONNECT_WITHIN_S,
                    drain_timeout=_DRAIN_WITHIN_S,
                    ping_interval=_PING_EVERY_S,
                    pending_size=_BUFFER_BYTES,
                    error_cb=self._error,
                    disconnected_cb=self._disconnected,
                    reconnected_cb=self._reconnected,
                    lame_duck_mode_cb=self._lame_duck,
                    reconnect_to_server_handler=self._next_server,
                    **self._login,
                )
            except (OSError, errors.Error) as error:
                await self.client.close()
                wait_s = self._wait_s()
                reason = self.client.last_error or error
                _log.warning(
                    "waiting for NATS at %s (%s); next try in %.1f s",
                    self.place,
                    _words(reason),
                    wait_s,
                )
                await asyncio.sleep(wait_s)
            else:
                self.client.options.update(allow_reconnect=True, max_reconnect_attempts=-1)
                self._attempts = 0
                return

    async def close(self) -> None:
        """Let what is under way finish, then leave."""
        self._closing = True
        client = self.client
        try:
            if client.is_connected and not self._silent:
                # Draining can not be cut short.
                await client.flush(_ANSWER_WITHIN_S)
                async with asyncio.timeout(2 * _DRAIN_WITHIN_S):
                    await client.drain()
        except (errors.Error, OSError) as error:
            _log.warning("NATS: the connection could not be drained: %s", _words(error))
        finally:
            with suppress(OSError):
                # What was not sent keeps the socket open while the server takes nothing.
                async with asyncio.timeout(_BRIEFLY_S):
                    await client.close()

    @property
    def _silent(self) -> bool:
        return asyncio.get_running_loop().time() < self._silent_until

    def _note_silence(self, what: str) -> None:
        if not self._silent:
            self._silent_until = asyncio.get_running_loop().time() + _SILENT_S
            _log.warning("NATS at %s says nothing: %s was not confirmed", self.place, what)

    def _wait_s(self) -> float:
        wait_s = min(_FIRST_WAIT_S * 2.0 ** min(self._attempts, 16), _LONGEST_WAIT_S)
        self._attempts += 1
        # A fleet does not come back in one moment.
        return wait_s * random.uniform(0.5, 1.0)  # noqa: S311 - no cryptography

    def _next_server(self, pool: list[Server], info: dict[str, Any]) -> tuple[Server | None, float]:
        turn = self._attempts
        return pool[turn % len(pool)], self._wait_s()

    # --- what nats-py tells ---------------------------------------------------------------------------------------

    async def _error(self, error: Exception) -> None:
        if isinstance(error, errors.SlowConsumerError):
            lost = self._lost[error.subject] = self._lost.get(error.subject, 0) + 1
            if self._due("slow"):
                total = sum(self._lost.values())
                _log.error(
                    "NATS: %d messages were lost, as they came faster than they were taken; the last to %s (%d)",
                    total,
                    error.subject,
                    lost,
                )
                self._lost.clear()
        elif self.client.is_connected and not isinstance(error, errors.UnexpectedEOF):
            _log.error("NATS: %s", _words(error))
        elif self._attempts and self._due("gone"):
            _log.warning("NATS at %s is away: %s", self.place, _words(error))

    async def _disconnected(self) -> None:
        if not self._closing and self.client.options["allow_reconnect"]:
            _log.warning("NATS at %s: the connection is lost, making another", self.place)
            for function in self.on_disconnect:
                function()

    async def _reconnected(self) -> None:
        self._attempts = 0
        self._silent_until = 0.0
        _log.warning("NATS at %s: connected again", self.place)
        for function in self.on_reconnect:
            function()

    async def _lame_duck(self) -> None:
        _log.warning("NATS at %s: the server is about to end, going to another", self.place)
        await self.client.force_reconnect()

    def _due(self, what: str) -> bool:
        """Tell whether a line of this kind may be written again."""
        now = asyncio.get_running_loop().time()
        if now - self._reported.get(what, -_REPORT_EVERY_S) < _REPORT_EVERY_S:
            return False
        self._reported[what] = now
        return True


@asynccontextmanager
async def open_bus(
    servers: Sequence[str], credentials: str = "", *, name: str = "isolane"
) -> AsyncIterator[Bus]:
    """Connect to one of the servers, waiting for it if need be; drain at the end.

    ``credentials`` is the content of a credentials file, ``name`` what the server's monitoring shows.

    Raises
    ------
    ConfigError
        The credentials are none.

    """
    bus = Bus(servers, credentials, name)
    try:
        await bus.open()
        yield bus
    finally:
        await bus.close()


def _words(error: Exception) -> str:
    return str(error).removeprefix("nats: ") or type(error).__name__


def _login(servers: Sequence[str], credentials: str) -> dict[str, Any]:
    """Return how to log in.

    What a URL says is taken out of it when all say the same: servers that the cluster tells of have no URL of ours.
    """
    if credentials:
        try:
            who = read_credentials(credentials)
        except ValueError as error:
            raise ConfigError("NATS_CREDENTIALS", "***", str(error)) from None
        return {"user_jwt_cb": who.give_jwt, "signature_cb": who.sign}
    logins = {(part.username, part.password) for part in map(urlsplit, servers)}
    user, password = logins.pop() if len(logins) == 1 else (None, None)
    if not user:
        return {}
    if password is None:
        return {"token": unquote(user)}
    return {"user": unquote(user), "password": unquote(password)}
