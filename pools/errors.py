"""Errors of the pools. A tenant's failure is data (an outcome), never one of these."""

from __future__ import annotations


class PoolError(Exception):
    """Base of the errors raised by ``pools``."""


class ProtocolError(PoolError):
    """The other side of a socket sent what is no message of the protocol; the connection is lost."""


class EngineError(PoolError):
    """V8 can not be used here: another version of its package, unusable snapshot, a flag that V8 does not know."""


class SandboxError(PoolError):
    """The second wall was required and this kernel can not build it."""
