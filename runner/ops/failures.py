"""What a tenant is told when a request fails: a sentence that helps, a code for programs, and nothing of this machine.

The codes are those of Node, where it has one. Must not know ops.
"""

from __future__ import annotations

import errno
import ssl
from typing import Final

import httpx

from runner.errors import OpError

IDLE_S: Final = 60.0
"""How long nothing may move before a request has failed."""
_EARLY: Final = ("peer closed connection", "incomplete chunked")
_SILENT: Final = "Server disconnected"
_LONG: Final = "too long"


def failure(why: str, code: str = "") -> OpError:
    """Return the error of a fetch that failed."""
    return OpError("TypeError", f"fetch failed: {why}", code)


def failure_of(error: Exception) -> OpError:
    """Return the error for what the HTTP client raised."""
    match error:
        case OpError():
            return error
        case httpx.ConnectTimeout():
            return failure("no TLS connection in time", "ETIMEDOUT")
        case httpx.ConnectError():
            return failure(f"the server {why_not(error)}", code_of(error))
        case httpx.TimeoutException():
            return failure(f"nothing moved for {IDLE_S:.0f} s", "ETIMEDOUT")
        case httpx.LocalProtocolError():
            return failure("a header or the method is not allowed in HTTP", "EINVAL")
        case httpx.RemoteProtocolError():
            return _protocol_failure(str(error))
        case httpx.NetworkError():
            return failure("the connection was lost", "ECONNRESET")
        case _:
            return failure("the response could not be read")


def _protocol_failure(words: str) -> OpError:
    if any(word in words for word in _EARLY):
        return failure("the server closed the connection before all of the body came", "ECONNRESET")
    if _SILENT in words:
        return failure("the server closed the connection without an answer", "ECONNRESET")
    if _LONG in words:
        return failure("the head of the response is too long", "EPROTO")
    return failure("the server does not speak HTTP as it should", "EPROTO")


def why_not(error: Exception) -> str:
    """Say why a connection could not be made; the operating system's text names our addresses, so it is not shown."""
    match _root(error):
        case ssl.SSLCertVerificationError() as invalid:
            return f"has no valid certificate ({invalid.verify_message})"
        case ssl.SSLError():
            return "does not speak TLS as it should"
        case ConnectionRefusedError():
            return "refused the connection"
        case OSError():
            return "can not be reached"
        case _:
            return "could not be connected to"


def code_of(error: Exception) -> str:
    """Return the code for why a connection could not be made."""
    match _root(error):
        case ssl.SSLCertVerificationError():
            return "ERR_TLS_CERT_INVALID"
        case ssl.SSLError():
            return "EPROTO"
        case OSError() as known:
            return errno.errorcode.get(known.errno or 0, "ECONNREFUSED")
        case _:
            return "ECONNRESET"


def _root(error: Exception) -> BaseException | None:
    """Return what says most of an error and its causes."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError | ConnectionRefusedError):
            return cause
        if isinstance(cause, OSError) and cause.errno in {errno.ENETUNREACH, errno.EHOSTUNREACH}:
            return cause
        cause = cause.__cause__ or cause.__context__
    return None
