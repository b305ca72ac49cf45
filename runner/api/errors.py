"""What the API answers when it can not do as asked: always one JSON object that says what, why and what to do next."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from runner.errors import RunnerError

if TYPE_CHECKING:
    from collections.abc import Mapping


class ErrorDetail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error as a client gets it."""

    status: int
    reason: str
    """One word for programs: ``not_found``, ``conflict``, ``invalid``, ..."""
    message: str
    next: str = ""
    """What to do about it."""


class ErrorBody(msgspec.Struct, frozen=True):
    """The body of every answer from 400 up."""

    error: ErrorDetail


class ApiError(RunnerError):
    """A request that is answered with ``status``; its text is the message."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        reason: str = "",
        advice: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.reason = reason or HTTPStatus(status).name.lower()
        self.advice = advice
        self.headers = dict(headers or {})
        super().__init__(message)

    def body(self) -> bytes:
        detail = ErrorDetail(
            status=self.status, reason=self.reason, message=str(self), next=self.advice
        )
        return msgspec.json.encode(ErrorBody(detail))


def not_found(what: str, advice: str = "") -> ApiError:
    return ApiError(404, f"there is no {what}", advice=advice)


def invalid(message: str, advice: str = "") -> ApiError:
    return ApiError(400, message, reason="invalid", advice=advice)


def conflict(message: str, advice: str = "") -> ApiError:
    return ApiError(409, message, advice=advice)


def unavailable(message: str, advice: str = "try again in a moment") -> ApiError:
    return ApiError(503, message, reason="unavailable", advice=advice, headers={"retry-after": "1"})
