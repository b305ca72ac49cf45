"""Commands of a document, run as they stand there: ``curl`` by curl, or by an HTTP client where there is none."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from typing import NamedTuple

import httpx

_DOCUMENTED = "localhost:9420"
_WITH_VALUE = {"-X", "-d", "-H"}


class Said(NamedTuple):
    """What a command was answered."""

    status: int
    body: str


def run_curl(command: str, address: str) -> Said:
    """Run a command that names the document's address, with the server at ``address`` (``HOST:PORT``) in its place."""
    words = shlex.split(command.replace("\\\n", " "))
    assert words[0] == "curl"
    return _by_curl(words, address) if shutil.which("curl") else _by_client(words[1:], address)


def _by_curl(words: list[str], address: str) -> Said:
    there = ["--connect-to", f"{_DOCUMENTED}:{address}", "--noproxy", "*"]
    shown = ["--silent", "--show-error", "--write-out", "\n%{http_code}"]
    done = subprocess.run(
        [*words, *there, *shown], capture_output=True, text=True, timeout=30, check=True
    )
    body, _, status = done.stdout.rpartition("\n")
    return Said(int(status), body)


def _by_client(words: list[str], address: str) -> Said:
    method, body, url = "GET", "", ""
    headers = {"host": _DOCUMENTED}
    rest = iter(words)
    for word in rest:
        value = next(rest) if word in _WITH_VALUE else ""
        match word:
            case "-X":
                method = value
            case "-d":
                body = value
            case "-H":
                name, _, text = value.partition(":")
                headers[name.strip().lower()] = text.strip()
            case _:
                url = word.replace(_DOCUMENTED, address)
    answer = httpx.request(method, url, headers=headers, content=body, trust_env=False, timeout=30)
    return Said(answer.status_code, answer.text)
