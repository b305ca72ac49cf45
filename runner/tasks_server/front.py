"""The tasks server on a listener that serves other things, too: its paths are its own, all others the listener's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from runner.tasks_server.errors import unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    App = Callable[..., Awaitable[None]]

STATUS: Final = "/status"
_RESOURCES: Final = ("owners", "queues", "certificates")


def is_ours(path: str) -> bool:
    """Tell whether a path belongs to the tasks server."""
    if path.startswith("/v1/"):
        return path[4:].partition("/")[0] in _RESOURCES
    return path == STATUS


class TasksFront:
    """``server`` is the tasks server once it is ready."""

    def __init__(self) -> None:
        self.server: App | None = None

    def leave(self) -> None:
        """The tasks server is about to be closed."""
        self.server = None

    def in_front_of(self, app: App) -> App:
        """Return what has the tasks server answer for its paths, and ``app`` for all others."""

        async def serve(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http" or not is_ours(scope["path"]):
                await app(scope, receive, send)
            elif self.server is not None:
                await self.server(scope, receive, send)
            else:
                await _refuse(send)

        return serve


async def _refuse(send: Any) -> None:
    refusal = unavailable("The server is starting, or about to end")
    headers = [(name.encode(), value.encode()) for name, value in refusal.headers.items()]
    headers.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": refusal.body()})
