"""What S3 says in XML: errors, lists, uploads. The server is the tenant's choice, so its words are not trusted.

Must not know requests.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus
from xml.parsers import expat

import msgspec

from runner.errors import OpError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runner.s3.keys import KeySpace

_CODE: Final = re.compile(r"[A-Za-z0-9.]{1,64}")
_MAX_DEPTH: Final = 8


class StoredObject(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One of a list."""

    key: str
    size: int = 0
    etag: str = ""
    uploaded: str = ""
    """ISO 8601."""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a bucket."""

    objects: list[StoredObject]
    prefixes: list[str]
    """What stands for the keys below, when a delimiter was given."""
    cursor: str = ""
    """Of the next page; empty on the last."""


def error_code(body: bytes) -> str:
    """Return the code of an error, or nothing: the message beside it may quote credentials."""
    try:
        for path, text in _elements(body):
            if path == ("Error", "Code") and _CODE.fullmatch(text):
                return text
    except ValueError:
        pass
    return ""


def upload_id(body: bytes) -> str:
    """Return the name of an upload that was begun.

    Raises
    ------
    OpError
        There is none.

    """
    try:
        for path, text in _elements(body):
            if path[1:] == ("UploadId",) and text:
                return text
    except ValueError:
        pass
    raise not_understood()


def listing(body: bytes, space: KeySpace) -> Listing:
    """Return a page of a list; names that are not below the prefix are left out.

    Raises
    ------
    OpError
        It is none.

    """
    entries: list[dict[str, str]] = []
    prefixes: list[str] = []
    fields: dict[str, str] = {}
    cursor = ""
    read: Callable[[str], str] = str
    try:
        for path, text in _elements(body):
            match path[1:]:
                case ("EncodingType",):
                    read = unquote_plus if text == "url" else str
                case ("NextContinuationToken",):
                    cursor = text
                case ("Contents", name):
                    fields[name] = text
                case ("Contents",):
                    entries.append(fields)
                    fields = {}
                case ("CommonPrefixes", "Prefix"):
                    prefixes.append(text)
                case _:
                    pass
        # How names are written may be told after them.
        objects = [one for entry in entries if (one := _stored(entry, space, read)) is not None]
    except ValueError:
        raise not_understood() from None
    below = [own for prefix in prefixes if (own := space.own(read(prefix)))]
    return Listing(objects=objects, prefixes=below, cursor=cursor)


def not_understood() -> OpError:
    return OpError("Error", "storage failed: the server's answer is not S3's")


def _stored(
    fields: dict[str, str], space: KeySpace, read: Callable[[str], str]
) -> StoredObject | None:
    key = space.own(read(fields.get("Key", "")))
    if not key:
        return None
    return StoredObject(
        key=key,
        size=int(fields.get("Size", "0")),
        etag=fields.get("ETag", "").strip('"'),
        uploaded=fields.get("LastModified", ""),
    )


def _elements(body: bytes) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each element as it ends: its path and its own text.

    Raises
    ------
    ValueError
        It is not XML, has a document type, or is nested deeper than anything of S3's.

    """
    parser = expat.ParserCreate()
    path: list[str] = []
    texts: list[list[str]] = []
    found: list[tuple[tuple[str, ...], str]] = []

    def start(name: str, _: dict[str, str]) -> None:
        if len(path) == _MAX_DEPTH:
            raise ValueError("nested too deep")
        path.append(name.rpartition(":")[2])
        texts.append([])

    def end(_: str) -> None:
        found.append((tuple(path), "".join(texts.pop())))
        path.pop()

    def add(text: str) -> None:
        texts[-1].append(text)

    def refuse(*_: object) -> None:
        raise ValueError("a document type")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = add
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise ValueError(str(error)) from None
    yield from found
