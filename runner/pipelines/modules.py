"""Which modules there are for stages, by the names of documents. A module is imported when a document names it."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.pipelines.stage import Stage

STAGES: Final[Mapping[str, str]] = {
    "agg": "agg.Agg",
    "cast": "cast.Cast",
    "drop": "drop.Drop",
    "errors": "errors.Errors",
    "file-in": "file_in.FileIn",
    "file-out": "file_out.FileOut",
    "http": "http.Http",
    "js": "js.Js",
    "json-in": "json_in.JsonIn",
    "json-out": "json_out.JsonOut",
    "keep": "keep.Keep",
    "lines": "lines.Lines",
    "log": "log.Log",
    "log-errors": "errors.Errors",
    "log-stats": "stats.Stats",
    "pass": "pass_on.Pass",
    "rename": "rename.Rename",
    "sample": "sample.Sample",
    "scheduler": "scheduler.Scheduler",
    "send-email": "send_email.SendEmail",
    "sql": "sql.Sql",
    "stats": "stats.Stats",
    "stdin": "stdin.Stdin",
    "stdout": "stdout.Stdout",
    "yaml-in": "yaml_in.YamlIn",
    "yaml-out": "yaml_out.YamlOut",
}
"""Class of each module's name, below ``runner.pipelines.stages``."""


def find_stage(module: str) -> type[Stage[Any]] | None:
    """Return the class of a module's name, if there is one."""
    path = STAGES.get(module)
    if path is None:
        return None
    file, _, name = path.partition(".")
    found: type[Stage[Any]] = getattr(import_module(f"runner.pipelines.stages.{file}"), name)
    return found


NOT_OFFERED: Final[Mapping[str, str]] = {
    "elasticsearch-in": "use http, with the search as its body",
    "elasticsearch-log": "use js to shape events, and http to send them",
    "elasticsearch-out": "use http with the _bulk API",
    "gc": "it is of Node.js, and nothing here needs it",
    "geoip": "use http with a service that knows addresses, or sql with a table",
    "geopop": "use sql with a table",
    "journal": "use stdin: journalctl -f -o json | isolane pipeline run FILE, with json-in after it",
    "kafka-broker-log": "use lines, and js to read them",
    "kafka-in": "use http with a REST proxy, or stdin: kcat -C ... | isolane pipeline run FILE",
    "kafka-out": "use http with a REST proxy, or stdout: isolane pipeline run FILE | kcat -P ...",
    "read-opensearch": "use http, with the search as its body",
    "tail": "use stdin: tail -F FILE | isolane pipeline run FILE",
    "tcp-in": "use stdin: nc -lk PORT | isolane pipeline run FILE",
    "write-opensearch": "use http with the _bulk API",
}
"""Modules of LogBus that there are not here, and what does their work."""


def instead_of(module: str) -> str:
    """Return what to use instead of a module that there is not, as the end of a sentence."""
    if module in NOT_OFFERED:
        return f"; LogBus has it, here it is not offered: {NOT_OFFERED[module]}"
    return guess(module, STAGES) or f"; there are {', '.join(sorted(STAGES))}"


def guess(name: str, known: Mapping[str, object]) -> str:
    """Return ``; did you mean ...?`` if one of the known is close."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
