"""One route of the control listener, declared once: what it takes, gives and documents is its handler's signature.

A handler is ``async def handler(name: str, query: Struct, body: Struct) -> Result``, each argument only if it is wanted: those named in the
path, ``query`` and ``body``; ``upload`` is a body that is taken bit by bit (:class:`Upload`). The first line of its docstring is the summary. ``None`` as result is 204, :class:`Raw` goes out as it is, a :class:`Stream` bit by bit.
Must not know HTTP servers.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, get_type_hints

import msgspec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Access = Literal["open", "token"]

DEFAULT_BODY_BYTES: Final = 1 << 20
UPLOAD_TYPE: Final = "application/octet-stream"
_IN_PATH: Final = re.compile(r"{(\w+)(?::\w+)?}")


class Model(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Base of the bodies, queries and results of the API: camelCase in JSON, unknown fields are refused."""


class Raw(msgspec.Struct, frozen=True):
    """A result that is no JSON, or has a status of its own."""

    content: bytes
    media_type: str = "application/json"
    status: int = 200


class Stream(msgspec.Struct, frozen=True):
    """A result that comes bit by bit, for as long as the client stays."""

    chunks: AsyncIterator[bytes]
    media_type: str


class Upload(msgspec.Struct, frozen=True):
    """A request's body that is no JSON, bit by bit; reading raises ApiError when it is too large."""

    chunks: AsyncIterator[bytes]


@dataclass(frozen=True)
class Endpoint:
    """A route. ``path`` has parameters as ``{name}``, or ``{name:path}`` where slashes belong to it."""

    method: Method
    path: str
    handler: Callable[..., Awaitable[Any]]
    access: Access = "token"
    status: int = 200
    max_body_bytes: int = DEFAULT_BODY_BYTES

    def __post_init__(self) -> None:
        expected = {*_IN_PATH.findall(self.path), "query", "body", "upload"}
        if unknown := self.parameters.keys() - expected:
            raise TypeError(f"{self.path} has no {', '.join(sorted(unknown))}")

    @cached_property
    def _hints(self) -> Mapping[str, Any]:
        return get_type_hints(self.handler, include_extras=True)

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        """The types of the handler's arguments by name."""
        names = inspect.signature(self.handler).parameters
        return {name: self._hints[name] for name in names}

    @cached_property
    def in_path(self) -> tuple[str, ...]:
        return tuple(_IN_PATH.findall(self.path))

    @property
    def described(self) -> Mapping[str, Any]:
        """The types of those arguments that have a schema."""
        return {name: kind for name, kind in self.parameters.items() if name != "upload"}

    @property
    def result(self) -> Any:
        return self._hints["return"]

    @property
    def summary(self) -> str:
        return (inspect.getdoc(self.handler) or "").partition("\n")[0].rstrip(".")

    @property
    def tag(self) -> str:
        """What it belongs to: the last part of the path that is no parameter."""
        parts = [part for part in self.path.split("/") if part and not part.startswith("{")]
        fixed = [part for part in parts if part not in {"v1", "tenants"}]
        return fixed[0] if fixed else parts[-1]

    def arguments(
        self, path: Mapping[str, str], query: Mapping[str, str], body: bytes
    ) -> dict[str, Any]:
        """Return the handler's arguments.

        Raises
        ------
        msgspec.ValidationError
            A value has not the type that is wanted; the text names it.

        """
        wanted = self.parameters
        arguments: dict[str, Any] = {}
        for name in path.keys() & wanted.keys():
            try:
                arguments[name] = msgspec.convert(path[name], wanted[name], strict=False)
            except msgspec.ValidationError as error:
                raise msgspec.ValidationError(f"{name}: {error}") from None
        if "query" in wanted:
            arguments["query"] = msgspec.convert(dict(query), wanted["query"], strict=False)
        elif query:
            raise msgspec.ValidationError(f"there is no parameter {min(query)!r}")
        if "body" in wanted:
            arguments["body"] = msgspec.json.decode(body, type=wanted["body"])
        return arguments
