"""The API of a runner, for the verbs of the command line: the one that is set, else the ``dev`` of this folder."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from runner.cli.dev_state import read_dev_state
from runner.cli.exits import UsageError
from runner.config import load_settings
from runner.errors import ControlError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Mapping

_TIMEOUT_S: Final = 60.0
_SILENCE_S: Final = 45.0
"""A stream has a sign of life every 15 s."""
_EVENT: Final = b"data: "
_DEV_TENANT: Final = "dev"


class ControlClient:
    """Talks to one runner as one tenant. Parts of paths are quoted here."""

    def __init__(self, url: str, token: str, tenant: str) -> None:
        self._url = url
        self._token = token
        self.tenant = tenant

    def get(self, *path: str, **query: Any) -> Any:
        return self.call("GET", *path, query=query)

    def put(self, *path: str, body: Any = None) -> Any:
        return self.call("PUT", *path, body=body)

    def post(self, *path: str, body: Any = None) -> Any:
        return self.call("POST", *path, body=body)

    def patch(self, *path: str, body: Any = None) -> Any:
        return self.call("PATCH", *path, body=body)

    def delete(self, *path: str, **query: Any) -> None:
        self.call("DELETE", *path, query=query)

    def call(self, method: str, *path: str, query: Any = None, body: Any = None) -> Any:
        """Return the answer's JSON; ``path`` is what comes after the tenant.

        Raises
        ------
        ControlError
            The runner refuses, or is not there.

        """
        return self.send(method, ("tenants", self.tenant, *path), query, body)

    def send(self, method: str, path: tuple[str, ...], query: Any = None, body: Any = None) -> Any:
        """Return the answer to a request for anything below ``/v1``."""
        status, content = self._exchange(method, _target(path, query or {}), body)
        if status >= 400:
            raise _refusal(status, content)
        return msgspec.json.decode(content) if content else None

    def put_contents(
        self, contents: Iterable[tuple[tuple[str, ...], Iterator[bytes], int]]
    ) -> None:
        """Put bytes, one after the other over one connection: to which path, what, and how many they are.

        Raises
        ------
        ControlError
            The runner refuses one, or is not there.

        """
        connection = self._connection(_TIMEOUT_S)
        headers = self._headers() | {"content-type": "application/octet-stream"}
        base = urlsplit(self._url).path
        try:
            for path, content, size in contents:
                target = base + _target(("tenants", self.tenant, *path), {})
                sized = headers | {"content-length": f"{size}"}
                connection.request("PUT", target, content, sized)
                response = connection.getresponse()
                answer = response.read()
                if response.status >= 400:
                    raise _refusal(response.status, answer)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def follow(
        self, *path: str, alive: Callable[[], None] = lambda: None, **query: Any
    ) -> Iterator[Any]:
        """Yield the events of a stream, from JSON, for as long as the runner is there; ``alive()`` with each sign of life.

        Raises
        ------
        ControlError
            The runner refuses, is not there, or has ended.

        """
        connection = self._connection(_SILENCE_S)
        target = urlsplit(self._url).path + _target(("tenants", self.tenant, *path), query)
        try:
            connection.request("GET", target, headers=self._headers())
            response = connection.getresponse()
            if response.status >= 400:
                raise _refusal(response.status, response.read())
            for line in response:
                alive()
                if line.startswith(_EVENT):
                    yield msgspec.json.decode(line.removeprefix(_EVENT))
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()
        raise ControlError(0, f"the runner at {self._url} has ended")

    def _exchange(self, method: str, target: str, body: Any) -> tuple[int, bytes]:
        headers = self._headers()
        if body is not None:
            headers["content-type"] = "application/json"
        connection = self._connection(_TIMEOUT_S)
        try:
            content = None if body is None else msgspec.json.encode(body)
            connection.request(method, urlsplit(self._url).path + target, content, headers)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        parts = urlsplit(self._url)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        return kind(parts.hostname or "", parts.port, timeout=timeout_s)

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._token}", "accept": "application/json"}

    def _unreachable(self, error: Exception) -> ControlError:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return ControlError(
            0,
            f"the runner at {self._url} can not be reached: {reason.lower()}",
            "start it, or change CONTROL_URL",
        )


def _target(path: tuple[str, ...], query: Mapping[str, Any]) -> str:
    target = "/v1/" + "/".join(quote(part, safe="") for part in path)
    given = {name: value for name, value in query.items() if value is not None}
    return f"{target}?{urlencode(given)}" if given else target


def open_client(options: argparse.Namespace) -> ControlClient:
    """Return the client for the runner that is meant.

    Raises
    ------
    UsageError
        None is, or it is not said for which tenant.

    """
    settings = load_settings()
    tenant = options.tenant or ""
    if settings.control_url:
        if not tenant:
            raise UsageError("which tenant? Use --tenant NAME")
        return ControlClient(settings.control_url, settings.control_token, tenant)
    state = read_dev_state()
    if state is None or not state.control:
        raise UsageError(
            "which runner? Set CONTROL_URL and CONTROL_TOKEN, or do this where 'isolane dev' runs"
        )
    return ControlClient(state.control, state.token, tenant or _DEV_TENANT)


def _refusal(status: int, content: bytes) -> ControlError:
    try:
        error = msgspec.json.decode(content)["error"]
        if "requestId" in error:
            return ControlError(
                status, "that is where workers are served, not the API", "change CONTROL_URL"
            )
        return ControlError(status, str(error["message"]), str(error.get("next", "")))
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        return ControlError(
            status, f"that is no runner: it answered {status}", "change CONTROL_URL"
        )
