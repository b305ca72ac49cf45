"""Where redirects lead: the URL that a ``location`` header means, and the ports that no request goes to.

Of the URL standard as much as servers' headers need: what a browser takes there, and in the form in which URLs come from
JavaScript, so that origins can be compared. Must not know requests.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, quote, urljoin, urlsplit

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
# https://fetch.spec.whatwg.org/#port-blocking: protocols that can be made to take an HTTP request for something of theirs.
# fmt: off
BLOCKED_PORTS: Final = frozenset({
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101,
    102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427,
    465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990,
    993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667,
    6668, 6669, 6679, 6697, 10080,
})
# fmt: on
_OF_PATH: Final = "!$%&'()*+,-./:;=@[\\]_|~"
_OF_QUERY: Final = "!$%&()*+,-./:;=?@[\\]^_`{|}~"
_BYTES: Final = "surrogateescape"
_AROUND: Final = "".join(map(chr, range(0x21)))


def locate(base: str, location: str) -> str:
    """Return the URL for the value of a header, each of whose characters is a byte as it came; without fragment.

    Raises
    ------
    ValueError
        It is none that can be fetched; the text says why.

    """
    text = location.encode("latin-1").decode(errors=_BYTES)
    text = text.strip(_AROUND).translate({9: None, 10: None, 13: None})
    text = text.partition("#")[0]
    before, mark, query = text.partition("?")
    if mark and not before:
        base = base.partition("?")[0]  # urljoin takes an empty query for none
    parts = urlsplit(urljoin(base, before.replace("\\", "/") + mark + query))
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError("which is no URL of HTTP")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL with credentials")
    path = quote(parts.path, _OF_PATH, errors=_BYTES) or "/"
    query = quote(parts.query, _OF_QUERY, errors=_BYTES)
    authority = _authority(parts)
    if "/." in path:
        path = urlsplit(urljoin(f"http://{authority}", path)).path or "/"
    return f"{parts.scheme}://{authority}{path}" + (f"?{query}" if mark or query else "")


def _authority(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if not host.isascii():
        import idna

        host = idna.encode(host, uts46=True).decode()
    if ":" in host:
        host = f"[{host}]"
    port = parts.port
    return host if port is None or port == DEFAULT_PORTS[parts.scheme] else f"{host}:{port}"
