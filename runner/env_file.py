"""Reads ``.env`` files: ``NAME=value`` a line, for the runner's settings and for a worker's variables.

Must not know which names mean something.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runner.errors import RunnerError

if TYPE_CHECKING:
    from pathlib import Path

_LINE = re.compile(
    r"""\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)\s*=\s*
    (?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>[^']*)'|(?P<bare>[^"'].*?)?)
    (?:\s+\#.*|\s*)""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


class EnvFileError(RunnerError):
    """A line of an environment file can not be read."""


def parse_env(text: str, where: str) -> dict[str, str]:
    r"""Return the variables in ``text``; ``where`` names it in errors.

    Quoted values keep spaces and ``#``; in double quotes ``\n``, ``\t``, ``\r`` and ``\"`` are escapes.

    Raises
    ------
    EnvFileError
        A line is neither empty, a comment nor an assignment.

    """
    variables: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise EnvFileError(f"{where}:{number}: expected NAME=value")
        double, single = match["double"], match["single"]
        if double is not None:
            value = re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), double)
        else:
            value = single if single is not None else (match["bare"] or "").strip()
        variables[match["name"]] = value
    return variables


def read_env(path: Path) -> dict[str, str]:
    """Return the variables in a file; see :func:`parse_env`.

    Raises
    ------
    EnvFileError
        The file is not there, is no UTF-8 text, or has a line that can not be read.

    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise EnvFileError(f"can not read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise EnvFileError(f"{path} is no UTF-8 text") from error
    return parse_env(text, str(path))
