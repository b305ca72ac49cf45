"""Bodies that a worker passed on as they were encoded: a client that takes the encoding gets it, another gets what is in it.

The worker never saw the encoding, and its headers do not name it. Must not know sockets.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from runner.errors import OpError, StreamError
from runner.ops.decoding import decoder_for, encoding_of
from runner.streams import ByteStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.events.fetch import Request
    from runner.execution import Response

_WEIGHT: Final = re.compile(r"\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*", re.IGNORECASE)


def negotiate(response: Response, request: Request) -> None:
    """Have the response's headers and body say the same of its encoding, in a way that the client understands."""
    headers = response.headers
    own = [value for name, value in headers if name.lower() == "content-encoding"]
    if own and _normal(own) == response.encoding:
        return
    takes = [value for name, value in request.headers if name == "accept-encoding"]
    if not own:
        _vary(headers)
        if accepts(takes, response.encoding):
            # A length that the worker gave is of what is in it.
            headers[:] = [pair for pair in headers if pair[0].lower() != "content-length"]
            headers.append(("content-encoding", response.encoding))
            return
    decoder = decoder_for(response.encoding)
    if decoder is None:
        return
    if isinstance(response.body, bytes):
        # It was undone for JavaScript already, so that it is sound and small.
        response.body = b"".join(decoder.feed(response.body))
    elif response.body is not None:
        response.body = _Decoded(response.body, response.encoding)


def accepts(values: list[str], encoding: str) -> bool:
    """Whether a client whose ``accept-encoding`` has these values takes an encoding; one that says nothing may not know it."""
    weights: dict[str, float] = {}
    for item in ",".join(values).split(","):
        name, *parameters = item.split(";")
        weight = next((match for text in parameters if (match := _WEIGHT.fullmatch(text))), None)
        weights[_plain(name)] = float(weight[1]) if weight else 1.0
    return all(
        weights.get(name, weights.get("*", 0.0)) > 0 for name in map(_plain, encoding.split(","))
    )


def _plain(name: str) -> str:
    name = name.strip().lower()
    return name.removeprefix("x-") if name == "x-gzip" else name


def _normal(values: list[str]) -> str:
    try:
        return encoding_of(values)
    except OpError:
        return ""


def _vary(headers: list[tuple[str, str]]) -> None:
    """What another client gets may be encoded otherwise (RFC 9110, 12.5.5)."""
    named = {
        name.strip().lower()
        for header, value in headers
        if header.lower() == "vary"
        for name in value.split(",")
    }
    if not named & {"accept-encoding", "*"}:
        headers.append(("vary", "accept-encoding"))


class _Decoded(ByteStream):
    """What is in an encoded stream, as fast as it is read."""

    __slots__ = ("_decoder", "_encoded", "_pieces")

    def __init__(self, encoded: ByteStream, encoding: str) -> None:
        super().__init__(lambda _: None, encoded.cancel)
        decoder = decoder_for(encoding)
        assert decoder is not None
        self._encoded = encoded
        self._decoder = decoder
        self._pieces: Iterator[bytes] = iter(())

    async def read(self) -> bytes | None:
        """Return the next piece, or ``None`` at the end.

        Raises
        ------
        StreamError
            The sender failed, or it is not encoded as it says.

        """
        try:
            while (piece := next(self._pieces, None)) is None:
                chunk = await self._encoded.read()
                if chunk is None:
                    if not self._decoder.complete:
                        raise StreamError("TypeError", "it ended in the middle of its encoding")
                    self.finish()
                    return None
                self._pieces = self._decoder.feed(chunk)
        except OpError as error:
            self.cancel(error.message)
            raise StreamError(error.name, error.message) from None
        return piece
