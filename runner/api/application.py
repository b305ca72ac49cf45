"""The control listener's ASGI application: endpoints behind the guard, whatever goes wrong as JSON.

Must not know what the endpoints do. Endpoints come in as the runner gets ready; before, what is not there yet is 503.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, Router

from runner.api.endpoint import UPLOAD_TYPE, Endpoint, Raw, Stream, Upload
from runner.api.errors import ApiError, conflict, invalid, unavailable
from runner.api.openapi import describe, with_others
from runner.errors import (
    BusyError,
    ConflictError,
    CronError,
    DatabaseUnavailableError,
    DeploymentError,
    NotFoundError,
    RefusedError,
    RunnerError,
    TenantLimitError,
)
from runner.tasks.errors import TasksLimitError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping

    from starlette.types import Receive, Scope, Send

    from runner.api.guard import Guard

_log = logging.getLogger(__name__)
_UNDER_API: Final = ("/v1/", "/admin/", "/metrics")
_BASE_HEADERS: Final = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
}


class Application:
    """Answers requests with the endpoints it was given so far."""

    def __init__(self, guard: Guard, endpoints: Iterable[Endpoint]) -> None:
        self._guard = guard
        self._endpoints: list[Endpoint] = []
        self._complete = False
        self._document: bytes | None = None
        self._others: list[Callable[[], Mapping[str, Any]]] = []
        self._router = Router(default=self._nowhere)
        self.add([*endpoints, Endpoint("GET", "/openapi.json", self.openapi)])

    def add(self, endpoints: Iterable[Endpoint], *, complete: bool = False) -> None:
        """Serve these, too; ``complete`` when nothing more will come."""
        self._complete = complete
        self._document = None
        for endpoint in endpoints:
            self._endpoints.append(endpoint)
            # A probe with HEAD is one, too; Starlette adds it to GET.
            self._router.routes.append(
                Route(endpoint.path, self._route(endpoint), methods=[endpoint.method])
            )

    def add_description(self, describe_others: Callable[[], Mapping[str, Any]]) -> None:
        """Have the document tell of what somebody else answers here: ``describe_others`` returns its ``paths`` and ``components``."""
        self._document = None
        self._others.append(describe_others)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        # What the router itself raises: a method that is not there.
        scope["app"] = self
        try:
            await self._router(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - the last one to be able to answer
            await _answer_error(error)(scope, receive, send)

    async def openapi(self) -> Raw:
        """Describe this API as OpenAPI 3.1."""
        if self._document is None:
            shown = (one for one in self._endpoints if one.path != "/openapi.json")
            others = [describe_others() for describe_others in self._others]
            self._document = msgspec.json.encode(with_others(describe(shown), others))
        return Raw(self._document)

    def _route(self, endpoint: Endpoint) -> Any:
        async def answer(request: Request) -> Response:
            try:
                self._check(endpoint, request)
                body = b""
                if "body" in endpoint.parameters:
                    body = await _read(request, endpoint.max_body_bytes)
                try:
                    arguments = endpoint.arguments(request.path_params, request.query_params, body)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    message = f"the request can not be read: {error}"
                    raise invalid(message, "see /openapi.json") from None
                if "upload" in endpoint.parameters:
                    _check_type(request, UPLOAD_TYPE)
                    arguments["upload"] = Upload(_received(request, endpoint.max_body_bytes))
                return _success(endpoint, await endpoint.handler(**arguments))
            except Exception as error:  # noqa: BLE001 - every failure is an answer
                return _answer_error(error)

        return answer

    def _check(self, endpoint: Endpoint | None, request: Request) -> None:
        headers = request.headers
        self._guard.check(
            endpoint.access if endpoint else "token",
            authorization=headers.get("authorization", ""),
            host=headers.get("host", ""),
            origin=headers.get("origin", ""),
        )

    async def _nowhere(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what no endpoint is for; only who has the token learns what there is."""
        request = Request(scope)
        self._check(None, request)
        if not self._complete and request.url.path.startswith(_UNDER_API):
            raise unavailable("the runner is starting")
        raise ApiError(404, f"there is no {request.url.path[:200]}", advice="see /openapi.json")


async def _read(request: Request, most: int) -> bytes:
    _check_type(request, "application/json")
    body = bytearray()
    async for chunk in _received(request, most):
        body += chunk
    return bytes(body)


def _check_type(request: Request, wanted: str) -> None:
    if request.headers.get("content-type", "").partition(";")[0].strip() != wanted:
        what = "JSON" if wanted == "application/json" else "bytes"
        raise ApiError(415, f"the body must be {what}", advice=f"send 'content-type: {wanted}'")


async def _received(request: Request, most: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise ApiError(
                413,
                f"the body is larger than the {most} bytes that are allowed",
                headers={"connection": "close"},
            )
        yield chunk


def _success(endpoint: Endpoint, result: Any) -> Response:
    if result is None:
        return Response(status_code=204, headers=_BASE_HEADERS)
    if isinstance(result, Raw):
        return Response(result.content, result.status, _BASE_HEADERS, result.media_type)
    if isinstance(result, Stream):
        return StreamingResponse(result.chunks, 200, _BASE_HEADERS, result.media_type)
    content = msgspec.json.encode(result) + b"\n"
    return Response(content, endpoint.status, _BASE_HEADERS, "application/json")


def _answer_error(error: Exception) -> Response:
    refusal = _as_api_error(error)
    headers = {**_BASE_HEADERS, **refusal.headers}
    return Response(refusal.body() + b"\n", refusal.status, headers, "application/json")


def _as_api_error(error: Exception) -> ApiError:
    import psycopg
    from psycopg_pool import PoolTimeout
    from starlette.exceptions import HTTPException

    match error:
        case ApiError():
            return error
        case HTTPException():
            advice = "see /openapi.json"
            allow = dict(error.headers or {})
            return ApiError(error.status_code, error.detail.lower(), advice=advice, headers=allow)
        case ClientDisconnect():
            return ApiError(400, "the body is not complete")
        case NotFoundError():
            return ApiError(404, str(error))
        case TenantLimitError():
            advice = "remove one, or raise the limit: PATCH /v1/tenants/NAME"
            return ApiError(409, str(error), reason="limit", advice=advice)
        case TasksLimitError():
            advice = "wait until some have run, or raise MAX_PENDING_TASKS_PER_TENANT"
            return ApiError(409, str(error), reason="limit", advice=advice)
        case ConflictError():
            return conflict(str(error))
        case RefusedError() | DeploymentError() | CronError():
            return invalid(str(error))
        case DatabaseUnavailableError() | BusyError():
            return unavailable(str(error))
        case RunnerError():
            _log.error("the API could not do as asked: %s", error)
            return ApiError(500, str(error), advice="the runner's log may say more")
        case psycopg.DataError():
            return invalid(f"the database refuses it: {error.diag.message_primary}")
        case psycopg.OperationalError() | PoolTimeout():
            return unavailable("the database can not be reached")
        case _:
            _log.exception("the API failed", exc_info=error)
            return ApiError(500, "the runner failed", advice="its log says how")
