"""Errors of the runner. A tenant's failure is data (an outcome), never one of these."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class RunnerError(Exception):
    """Base of the errors raised by ``runner``; its text is a sentence for the operator."""


class ConfigError(RunnerError):
    """An environment variable has a value that can not be used; the start stops."""

    def __init__(self, variable: str, value: str, allowed: str) -> None:
        self.variable = variable
        self.value = value
        self.allowed = allowed
        super().__init__(f"{variable}={value!r} can not be used: {allowed}")


class HostStartError(RunnerError):
    """An isolate host did not get ready."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the isolate host did not start: {reason}")


class EmbeddedServiceError(RunnerError):
    """A PostgreSQL or NATS server of our own did not start; ``log`` has its words."""

    def __init__(self, service: str, reason: str, log: Path | None) -> None:
        self.service = service
        self.reason = reason
        self.log = log
        where = f"; its log: {log}" if log is not None else ""
        super().__init__(f"the embedded {service} does not run: {reason}{where}")


class DatabaseUnavailableError(RunnerError):
    """PostgreSQL can not be reached, or does not let us in."""

    def __init__(self, database: str, reason: str) -> None:
        self.database = database
        self.reason = reason
        super().__init__(f"can not connect to {database}: {reason}")


class NatsUnavailableError(RunnerError):
    """NATS is away, and what waits for it is as much as may."""

    def __init__(self, place: str, reason: str) -> None:
        self.place = place
        self.reason = reason
        super().__init__(f"NATS at {place} can not be reached: {reason}")


class NotFoundError(RunnerError):
    """What was asked for is not there, or is another tenant's; which of both is not told."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name
        super().__init__(f"there is no {kind} {name[:64]!r}")


class ConflictError(RunnerError):
    """What shall be made is there already, or somebody else's."""


class RefusedError(RunnerError):
    """A value that the database can not, or a tenant may not have; the text says which."""


class TenantLimitError(RunnerError):
    """A tenant has as many of a kind as it may have."""

    def __init__(self, kind: str, limit: int) -> None:
        self.kind = kind
        self.limit = limit
        super().__init__(f"the tenant has its {limit} {kind} already (users.limit_{kind})")


class MigrationError(RunnerError):
    """A migration can not be read or applied."""


class MigrationConflictError(MigrationError):
    """What was applied and what is in the files do not go together; nothing was done."""


class SecretError(RunnerError):
    """A secret can not be sealed or opened; ``place`` names its row."""

    def __init__(self, place: str, reason: str) -> None:
        self.place = place
        self.reason = reason
        super().__init__(f"the secret in {place} can not be used: {reason}")


class ControlError(RunnerError):
    """The API of a runner refuses with ``status``, or (0) can not be reached; ``advice`` says what to do."""

    def __init__(self, status: int, message: str, advice: str = "") -> None:
        self.status = status
        self.advice = advice
        super().__init__(f"{message}; {advice}" if advice else message)


class AddressError(RunnerError):
    """The address to listen on is taken, or not ours."""

    def __init__(self, address: str, reason: str, advice: str) -> None:
        self.address = address
        self.reason = reason
        super().__init__(f"can not listen on {address}: {reason}; {advice}")


class DeploymentError(RunnerError):
    """A folder or file is no worker, or its TypeScript can not be read."""


class BusyError(RunnerError):
    """No place for another execution; maybe there is one in ``retry_after_s``."""

    def __init__(self, reason: str, retry_after_s: int = 1) -> None:
        self.reason = reason
        self.retry_after_s = retry_after_s
        super().__init__(reason)


class OwnLimitError(BusyError):
    """A worker or its tenant has all that it may have at once: it is not the runner that is overloaded."""


class NotResolvedError(RunnerError):
    """A request names no worker that is here; ``status`` is what its client gets."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(reason)


class CronError(RunnerError):
    """An expression that schedules nothing."""

    def __init__(self, text: str, reason: str) -> None:
        self.text = text
        self.reason = reason
        super().__init__(f"the cron expression {text[:64]!r} can not be used: {reason}")


class ViolationError(RunnerError):
    """An isolate host sent what the boundary does not allow: it is broken or taken over, and is ended."""


class OpError(RunnerError):
    """An op failed; JavaScript gets an error of this name with this message.

    With a ``code`` (``ECONNREFUSED``, ...: what programs ask for) the error has a cause with it.
    """

    def __init__(self, name: str, message: str, code: str = "") -> None:
        self.name = name
        self.message = message
        self.code = code
        super().__init__(message)


class StreamError(RunnerError):
    """The other end of a stream failed or left; ``name`` is the JavaScript error's, ``code`` its cause's, if it has one."""

    def __init__(self, name: str, message: str, code: str = "") -> None:
        self.name = name
        self.message = message
        self.code = code
        super().__init__(message)
