"""The runner as a NATS micro service: it answers PING, INFO and STATS as
https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-32.md says.

nats-py's own service serves one request after another for each endpoint; ours has them served at once, and counts.
Must not know what is served.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from runner.errors import NatsUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from runner.nats.connection import Bus

NAME: Final = "isolane"
_VERBS: Final = ("PING", "INFO", "STATS")
_TYPE: Final = "io.nats.micro.v1.{}_response"

_log = logging.getLogger(__name__)


class Endpoint:
    """What is known of one subject that is served."""

    def __init__(self, name: str, subject: str, group: str) -> None:
        self.name = name
        self.subject = subject
        self.group = group
        self.requests = 0
        self.errors = 0
        self.last_error = ""
        self.duration_s = 0.0

    def info(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "subject": self.subject,
            "queue_group": self.group,
            "metadata": {},
        }

    def stats(self) -> dict[str, Any]:
        total_ns = int(self.duration_s * 1e9)
        return {
            "name": self.name,
            "subject": self.subject,
            "queue_group": self.group,
            "num_requests": self.requests,
            "num_errors": self.errors,
            "last_error": self.last_error,
            "processing_time": total_ns,
            "average_processing_time": total_ns // (self.requests or 1),
        }


class MicroService:
    """Answers who asks for services. ``endpoints``: subjects by name."""

    def __init__(
        self, bus: Bus, version: str, endpoints: Mapping[str, str], group: str, instance: str
    ) -> None:
        self._bus = bus
        self._endpoints = {
            name: Endpoint(name, subject, group) for name, subject in endpoints.items()
        }
        self._identity = {"name": NAME, "id": instance, "version": version, "metadata": {}}
        self._started = datetime.now(UTC)
        self._subscriptions: list[Subscription] = []

    async def start(self) -> None:
        """Answer from now on.

        Raises
        ------
        NatsUnavailableError
            The connection is closed.

        """
        for verb in _VERBS:
            for tail in ("", f".{NAME}", f".{NAME}.{self._identity['id']}"):
                subject = f"$SRV.{verb}{tail}"
                self._subscriptions.append(await self._bus.subscribe(subject, self._answer))

    async def close(self) -> None:
        subscriptions, self._subscriptions = self._subscriptions, []
        await self._bus.leave(*subscriptions)

    def count(self, endpoint: str, duration_s: float, problem: str) -> None:
        """A request was served, or not."""
        entry = self._endpoints[endpoint]
        entry.requests += 1
        entry.duration_s += duration_s
        if problem:
            entry.errors += 1
            entry.last_error = problem

    async def _answer(self, message: Msg) -> None:
        if not message.reply:
            return
        verb = message.subject.split(".")[1].lower()
        answer: dict[str, Any] = {"type": _TYPE.format(verb), **self._identity}
        if verb == "info":
            answer["description"] = "runs workers"
            answer["endpoints"] = [entry.info() for entry in self._endpoints.values()]
        elif verb == "stats":
            answer["started"] = self._started.isoformat(timespec="milliseconds")
            answer["endpoints"] = [entry.stats() for entry in self._endpoints.values()]
        try:
            await self._bus.publish(message.reply, msgspec.json.encode(answer))
        except (NatsUnavailableError, ValueError) as error:
            _log.debug("a question for the service is not answered: %s", error)
