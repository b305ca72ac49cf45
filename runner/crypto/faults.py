"""The errors of the Web Cryptography API, made of what the primitives raise."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm

from runner.errors import OpError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def failing_as(name: str, message: str) -> Iterator[None]:
    """Turn a primitive's refusal into an OpError that tells nothing of why: that could be an oracle."""
    try:
        yield
    except (InvalidTag, OverflowError, TypeError, UnsupportedAlgorithm, ValueError) as error:
        raise OpError(name, message) from error


def refuse_data(message: str) -> OpError:
    return OpError("DataError", message)


def refuse_operation(message: str) -> OpError:
    return OpError("OperationError", message)
