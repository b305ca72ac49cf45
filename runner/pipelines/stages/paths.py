"""Files of documents: which paths may be named, and what they are.

A path is taken from the document's folder. One that leaves it is refused, unless it is absolute and so says where it leads:
what looks like a file of one's own should be one. Links are followed, for whoever made them had a reason.
"""

from __future__ import annotations

import codecs
import posixpath
from pathlib import Path


def check_path(key: str, path: str) -> None:
    """Refuse a path, or a glob.

    Raises
    ------
    ValueError
        With a sentence for whoever wrote the document.

    """
    if not path or "\0" in path:
        raise ValueError(f"{key}: {path!r} is no path")
    if path.startswith("~"):
        raise ValueError(f"{key}: {path!r}: write an absolute path; ~ has no meaning here")
    # A glob may have .. anywhere, and what stands before it may be a link.
    if not path.startswith("/") and ".." in posixpath.normpath(path).split("/"):
        raise ValueError(
            f"{key}: {path!r} leaves the folder of the document; if that is meant, write an absolute path"
        )


def place_of(path: str, folder: Path) -> Path:
    """Return where a checked path leads."""
    return Path(posixpath.normpath(folder / path))


def check_encoding(encoding: str) -> None:
    """Refuse what is no encoding of texts.

    Raises
    ------
    ValueError
        With a sentence for whoever wrote the document.

    """
    try:
        "".encode(encoding)
        b"".decode(encoding)
        codecs.getincrementaldecoder(encoding)
    except LookupError:
        raise ValueError(
            f"encoding: there is no {encoding!r}; there are utf-8, utf-16, latin-1 and those that Python knows"
        ) from None


def decoder_of(encoding: str) -> codecs.IncrementalDecoder:
    """Return what makes text of bytes; what is none becomes U+FFFD, and a byte order mark of UTF-8 is left out."""
    name = codecs.lookup(encoding).name
    return codecs.getincrementaldecoder("utf-8-sig" if name == "utf-8" else name)("replace")
