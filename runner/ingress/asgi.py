"""What every ASGI application of ours does with a scope and its messages.

Must not know what a request is for, nor who answers it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.events.fetch import read_request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from runner.events.fetch import Request, RequestIds
    from runner.ingress.answers import Headers, Problem
    from runner.ingress.proxies import TrustedProxies

    Receive = Callable[[], Awaitable[Any]]
    Send = Callable[[Any], Awaitable[None]]


def request_of(
    scope: dict[str, Any], method: str, scheme: str, *, proxies: TrustedProxies, new_id: RequestIds
) -> Request:
    """Return the request that a scope describes.

    Raises
    ------
    NotResolvedError
        It has no valid host, or a method that no worker can serve.

    """
    client, server = scope["client"], scope["server"]
    target = scope["raw_path"].decode("latin-1")
    if query := scope["query_string"]:
        target = f"{target}?{query.decode('latin-1')}"
    return read_request(
        method,
        scheme,
        target,
        scope["headers"],
        trusted=client is not None and proxies.trusts(client[0]),
        server=f"{server[0]}:{server[1]}" if server else "localhost",
        new_id=new_id,
    )


def render(problem: Problem, request: Request | None) -> tuple[Headers, bytes]:
    """Return headers and body of a problem, as who asked wants to read it."""
    if request is None:
        return problem.render("-", as_json=False)
    return problem.render(request.id, as_json=request.wants_json)


async def send_whole(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Answer at once."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def left(receive: Receive) -> None:
    """Wait until the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
