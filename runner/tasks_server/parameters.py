"""What comes in paths, in queries and in the smaller bodies: ids, names, pages of a listing. Must not know what is asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from runner.tasks_server.certificates import Upload, check_upload
from runner.tasks_server.checking import CheckError, Choice, Text, Whole
from runner.tasks_server.compound import Shape
from runner.tasks_server.errors import invalid
from runner.tasks_server.registration import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

State = Literal["RUNNING", "ERROR", "SUCCESS", "PAUSED", "REVOKED"]
Order = Literal["createdAt", "estimateEndAt", "estimateExecutionAt"]
Sort = Literal["asc", "desc"]

_ID_LENGTH: Final = 24
_PRETTY: Final = "pretty"
_ID: Final = re.compile(r"[A-Za-z0-9]{24}")
# The look-aheads come first: no digit or hyphen at the start, no two hyphens, none at the end.
_NAME: Final = re.compile(r"(?![0-9\-])(?!.*--)(?!.*-$)[a-z0-9\-]{5,32}")
OWNER: Final = Shape(
    {
        "name": Text(
            5,
            32,
            _NAME,
            "String cannot start or end with a hyphen, contain consecutive hyphens, or begin with a number",
        )
    },
    ("name",),
)


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A page of tasks."""

    limit: int = 10
    offset: int = 0
    order: Order = "createdAt"
    sort: Sort = "asc"
    state: State | None = None


class _Digits:
    """A number, written in a query."""

    def __init__(self, minimum: int, maximum: int) -> None:
        self._number = Whole(minimum, maximum)
        self._text = Text(1, 4, re.compile(r"[0-9]{1,4}"))

    def check(self, value: Any) -> int:
        return self._number.check(int(self._text.check(value)))

    def schema(self) -> dict[str, Any]:
        return self._number.schema()


LISTING: Final = Shape(
    {
        "limit": _Digits(1, 1000),
        "offset": _Digits(0, 1000),
        "order": Choice(("createdAt", "estimateEndAt", "estimateExecutionAt")),
        "sort": Choice(("asc", "desc")),
        "state": Choice(("RUNNING", "ERROR", "SUCCESS", "PAUSED", "REVOKED"), fold="upper"),
    }
)


def read_listing(query: Mapping[str, str]) -> Listing:
    """Return the page that a query asks for; ``pretty`` is for the answer's form.

    Raises
    ------
    Refused
        It asks for none.

    """
    asked = {name: value for name, value in query.items() if name != _PRETTY}
    return msgspec.convert(_checked(LISTING, asked), Listing)


def read_queue_id(text: str) -> str:
    """Return the id that a path names, in capitals.

    Raises
    ------
    Refused
        It can be none.

    """
    messages = []
    if len(text) != _ID_LENGTH:
        messages.append(f"String must contain exactly {_ID_LENGTH} character(s)")
    if not _ID.fullmatch(text):
        messages.append("Invalid queue id")
    if messages:
        raise invalid(CheckError(inside={"queueId": CheckError(*messages)}).tree())
    return text.upper()


def read_owner_name(text: str) -> str:
    """Return the name that a path has.

    Raises
    ------
    Refused
        No owner can have it.

    """
    name: str = _checked(OWNER, {"name": text})["name"]
    return name


def read_owner(body: bytes) -> str:
    """Return the name in the body of a registration of an owner.

    Raises
    ------
    Refused
        There is none, or none that an owner can have.

    """
    name: str = _checked(OWNER, read_json(body))["name"]
    return name


def read_upload(body: bytes) -> Upload:
    """Return what the body of ``POST /v1/certificates`` brings.

    Raises
    ------
    Refused
        It is nothing that tasks can use.

    """
    try:
        return check_upload(read_json(body))
    except CheckError as error:
        raise invalid(error.tree()) from None


def _checked(shape: Shape, asked: Any) -> dict[str, Any]:
    try:
        return shape.check(asked)
    except CheckError as error:
        raise invalid(error.tree()) from None
