"""Tasks of kind ``http``: ``await sender(task, lease)`` is what :class:`runner.tasks.executor.Executor` wants to have executed.

Must not know SQL, nor how tasks are claimed.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from typing import TYPE_CHECKING, Final

from runner.errors import DatabaseUnavailableError, SecretError
from runner.http_tasks.attempt import Attempt
from runner.http_tasks.certificate_files import UPLOAD, CertificateFiles
from runner.http_tasks.errors import ExchangeError, OversizeError
from runner.http_tasks.identity import Identity, read_ca, read_identity
from runner.http_tasks.ids import queue_id
from runner.http_tasks.model import Answered, HttpConfig
from runner.http_tasks.network import Network
from runner.http_tasks.outgoing import Outgoing
from runner.http_tasks.sealing import KeyAwayError
from runner.http_tasks.session import Session, profile_of
from runner.http_tasks.system_names import SystemNames
from runner.http_tasks.verdict import (
    OVERSIZE,
    TIMEOUT,
    answered,
    next_retry_at_ms,
    outcome_of,
    unanswered,
)
from runner.tasks.task import Failed, Released

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from runner.http_tasks.model import HttpTask
    from runner.http_tasks.outgoing import Headers
    from runner.http_tasks.sealing import TaskSealing
    from runner.http_tasks.session import Transport
    from runner.http_tasks.surroundings import Surroundings
    from runner.ops.addresses import AddressPolicy
    from runner.tasks.leases import Lease
    from runner.tasks.task import ClaimedTask, Outcome

_log = logging.getLogger(__name__)
_KEY_AWAY_S: Final = 30.0
_DATABASE_AWAY_S: Final = 1.0
_DNS_MESSAGE: Final = "application/dns-message"
_OK: Final = 200
_LONGEST_S: Final = 3600.0 * 24 * 365


class HttpTasks:
    """Sends tasks; the transports are its own. :meth:`close` when nothing is sent any more."""

    def __init__(
        self,
        sealing: TaskSealing,
        surroundings: Surroundings,
        *,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._sealing = sealing
        self._around = surroundings
        self._clock = clock
        self._chance = chance
        self._names = SystemNames()
        self._transports: dict[str, Transport] = {}

    async def __call__(self, task: ClaimedTask, lease: Lease) -> Outcome:
        if lease.stopping:
            return Released()
        # The task's own clock counts, and says so in its result.
        lease.deadline = math.inf
        try:
            sealed = self._sealing.open(task.options, task.tenant, task.id)
        except KeyAwayError as error:
            # Maybe another runner has it, or this one after its next start: nothing is lost by waiting.
            _log.warning("%s", error)
            return Released(reason="sealed", after_s=_KEY_AWAY_S)
        except SecretError as error:
            return Failed(error=str(error), reason="sealed", final=True)
        await self._around.online()
        try:
            end = await self._ended(task, sealed)
        except DatabaseUnavailableError:
            return Released(reason="database", after_s=_DATABASE_AWAY_S)
        if not sealed.config.trace_response_data:
            end = Answered(status=end.status, body=None, retry_after_s=end.retry_after_s)
        result = self._sealing.seal_answer(end, task.tenant, task.id)
        return outcome_of(sealed.config, end, result, attempt=task.attempts, chance=self._chance)

    async def close(self) -> None:
        transports, self._transports = list(self._transports.values()), {}
        for transport in transports:
            await transport.close()
        await self._around.close()

    async def _ended(self, claimed: ClaimedTask, task: HttpTask) -> Answered:
        """Send a task, within its time: all of it, names and body included."""
        timeout_s = self._timeout_s(claimed.attempts, task.config)
        if timeout_s <= 0:
            return TIMEOUT
        try:
            async with asyncio.timeout(timeout_s):
                session = await self._session(claimed.tenant, task)
                transport = self._transport(task.request.transport)
                tracing = self._tracing(claimed, task.config)
                attempt = Attempt(task, tracing, transport, session, self._clock)
                return answered(await attempt.run(), self._clock())
        except TimeoutError:
            return TIMEOUT
        except OversizeError:
            return OVERSIZE
        except SecretError:
            return unanswered("an uploaded certificate can not be opened")
        except ExchangeError as error:
            return unanswered(str(error))

    def _timeout_s(self, attempt: int, config: HttpConfig) -> float:
        if config.timeout_at is not None and attempt == 1:
            return min(config.timeout_at / 1000 - self._clock(), _LONGEST_S)
        return min(config.timeout / 1000, _LONGEST_S)

    def _tracing(self, claimed: ClaimedTask, config: HttpConfig) -> Headers:
        tracing = [("X-Tasks-Queue-Id", queue_id(claimed.id))]
        if claimed.attempts > 1:
            again = next_retry_at_ms(config, claimed.attempts, self._clock())
            tracing += [
                ("X-Tasks-Retry-Count", str(claimed.attempts - 1)),
                ("X-Tasks-Retry-Limit", str(config.retry)),
                ("X-Tasks-Estimate-Next-Retry-At", str(again)),
            ]
        return tracing

    async def _session(self, owner: UUID, task: HttpTask) -> Session:
        config = task.config
        policy = self._around.policy(owner)
        ask = self._resolver(owner, config, policy) if config.doh_url is not None else None
        network = Network(owner, policy, config, self._names, ask)
        identity = await self._identity(owner, config)
        return Session(
            owner, config, network, identity, task.request.auth_aws_sigv4, profile_of(config, identity)
        )  # fmt: skip

    async def _identity(self, owner: UUID, config: HttpConfig) -> Identity:
        given = {
            "ca": config.ca,
            "cert": None if config.cert is None else config.cert.value,
            "key": config.key,
        }
        named = [value for value in given.values() if value is not None]
        if not named:
            return _NOBODY
        names = [one.removeprefix(UPLOAD) for one in named if one.startswith(UPLOAD)]
        uploads = await self._around.uploads(owner, names) if names else {}
        files = CertificateFiles(self._around.folder, uploads)
        contents: dict[str, bytes] = {}
        for option, value in given.items():
            if value is not None:
                content = files.content(value)
                if content is None:
                    raise ExchangeError(f"{option}: there is no such certificate or key", "ENOENT")
                contents[option] = content
        ca = read_ca(contents["ca"]) if "ca" in contents else b""
        if config.cert is None:
            return Identity(ca=ca)
        certificate, key = await asyncio.to_thread(
            read_identity,
            contents["cert"],
            config.cert_type,
            config.cert.password,
            contents.get("key"),
        )
        return Identity(ca, certificate, key)

    def _resolver(
        self, owner: UUID, config: HttpConfig, policy: AddressPolicy
    ) -> Callable[[bytes], Awaitable[bytes]]:
        """Return what asks a task's name server over HTTPS (RFC 8484)."""
        plain = HttpConfig(insecure=config.doh_insecure, ip_version=config.ip_version)
        session = Session(
            owner, plain, Network(owner, policy, plain, self._names), _NOBODY, None, profile_of(plain, _NOBODY)
        )  # fmt: skip
        url = config.doh_url or ""

        async def ask(message: bytes) -> bytes:
            headers = [("Content-Type", _DNS_MESSAGE), ("Accept", _DNS_MESSAGE)]
            request = Outgoing("POST", url, headers, message)
            incoming = await self._transport("fetch").send(request, [], session)
            if incoming.status != _OK:
                raise ExchangeError(f"DNS over HTTPS answers {incoming.status}", "ENOTFOUND")
            return incoming.body

        return ask

    def _transport(self, name: str) -> Transport:
        """Return a transport, which is loaded when it is needed first."""
        if name not in self._transports:
            if name == "curl":
                from runner.http_tasks.curl import CurlTransport

                self._transports[name] = CurlTransport()
            else:
                from runner.http_tasks.fetch import FetchTransport

                self._transports[name] = FetchTransport()
        return self._transports[name]


_NOBODY: Final = Identity()
