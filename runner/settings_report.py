"""Every setting as it is, with where it came from: what ``isolane doctor`` shows. Secrets are masked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from runner.config import TABLE, load_settings, read_variables
from runner.errors import ConfigError
from runner.ops.limits import DEFAULT_OP_LIMITS, OpLimit
from runner.service_settings import SECRET_VARIABLES, parse_nats_servers, without_password

Source = Literal["environment", ".env", "default"]

_POSTGRES: Final = tuple(f"POSTGRES_{name}" for name in ("HOST", "PORT", "USER", "PASSWORD", "DB"))
_MASK: Final = "***"


class Setting(NamedTuple):
    """One variable."""

    variable: str
    value: str
    source: Source
    problem: str = ""
    """What is allowed instead."""


def describe_settings(
    environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> list[Setting]:
    """Return all settings; one whose value can not be used has a problem, and the others are still there.

    Raises
    ------
    EnvFileError
        ``.env`` can not be read.

    """
    process, file = read_variables(environ, folder)
    defaults = load_settings({}, Path("/nonexistent"))
    fields = {variable: getattr(defaults, field) for variable, field, _ in TABLE}
    fields |= {f"LIMIT_{op.upper()}": limit for op, limit in DEFAULT_OP_LIMITS.items()}
    fields |= dict.fromkeys(_POSTGRES, "")
    fields |= {"FETCH_ALLOW_PRIVATE_NETWORK": False, "NO_COLOR": ""}
    settings = []
    for variable, default in sorted(fields.items()):
        source: Source = "environment" if variable in process else ".env"
        text = (process if variable in process else file).get(variable, "").strip()
        if text:
            problem = _problem(variable, {**file, **process})
            shown = _MASK if problem and variable in SECRET_VARIABLES else _shown(variable, text)
            settings.append(Setting(variable, shown, source, problem))
        else:
            settings.append(Setting(variable, _shown(variable, _text(default)), "default"))
    return settings


def _problem(variable: str, variables: Mapping[str, str]) -> str:
    # Some are judged together.
    prefix = "POSTGRES_" if variable == "POSTGRES_HOST" else variable
    related = {name: text for name, text in variables.items() if name.startswith(prefix)}
    try:
        load_settings(related, Path("/nonexistent"))
    except ConfigError as error:
        return error.allowed
    return ""


def _shown(variable: str, text: str) -> str:
    if variable == "DATABASE_URL":
        return without_password(text)
    if variable == "NATS_SERVERS" and text:
        return ",".join(map(without_password, parse_nats_servers(text)))
    return _MASK if text and variable in SECRET_VARIABLES else text


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case dict() if not value:
            return ""
        case bool():
            return str(value).lower()
        case OpLimit():
            return f"{value.total}/{value.at_once}" if value.at_once else str(value.total)
        case tuple() if type(value) is tuple:
            return ",".join(map(str, value))
        case _:
            return str(value)
