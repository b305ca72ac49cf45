"""What a handler in a worker's ``tasks`` says about itself: ``{timeout, maxAttempts, retry}``. Texts of the tenant's.

Must not know executions.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from runner.tasks.policy import RetryPolicy


class HandlerRetry(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """``retry``, as in the options of ``env.TASKS``; ``delay`` and ``max_delay`` in milliseconds."""

    kind: Literal["fixed", "linear", "exponential"] = "exponential"
    delay: Annotated[int, msgspec.Meta(ge=0)] = 1000
    max_delay: Annotated[int, msgspec.Meta(ge=0)] = 3_600_000
    factor: Annotated[float, msgspec.Meta(ge=1, le=100)] = 2.0
    jitter: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.2


class HandlerSettings(msgspec.Struct, frozen=True, rename="camel"):
    """None: what holds without it. ``timeout`` in milliseconds."""

    timeout: Annotated[int, msgspec.Meta(ge=1, lt=1 << 31)] | None = None
    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    retry: HandlerRetry | None = None

    @property
    def policy(self) -> RetryPolicy | None:
        retry = self.retry
        if retry is None:
            return None
        return RetryPolicy(
            kind=retry.kind,
            delay_ms=retry.delay,
            max_delay_ms=retry.max_delay,
            factor=retry.factor,
            jitter=retry.jitter,
        )


def read_handler_settings(text: msgspec.Raw) -> HandlerSettings:
    """Return what a handler says.

    Raises
    ------
    ValueError
        A value can not be used; the text says which.

    """
    try:
        settings = msgspec.json.decode(text, type=HandlerSettings)
        _ = settings.policy
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ValueError(f"{error}") from None
    return settings
