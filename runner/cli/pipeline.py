"""``isolane pipeline``: check a pipeline's document, or run it."""

from __future__ import annotations

import argparse
import sys
from enum import IntEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from runner.cli.exits import Exit
from runner.config import load_settings
from runner.pipelines.document import read_document
from runner.pipelines.errors import DocumentError
from runner.pipelines.graph import make_graph

if TYPE_CHECKING:
    from runner.pipelines.graph import Graph

_PATHS: Final = 1000
_END_S: Final = 10.0


class PipelineExit(IntEnum):
    """Exit codes of pipelines, those of LogBus."""

    OK = 0
    DOCUMENT = 1
    TIMEOUT = 2
    START = 21
    EXCEPTION = 42


def add_options(command: argparse.ArgumentParser) -> None:
    command.set_defaults(module="pipeline")
    verbs = command.add_subparsers(
        dest="verb", metavar="VERB", required=True, parser_class=type(command)
    )
    for name, summary in (
        ("check", "say where events go, and what is wrong with the document"),
        ("run", "run the pipeline until its inputs end, or a signal comes"),
    ):
        verb = verbs.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        verb.add_argument("file", metavar="FILE", type=Path, help="the document, YAML")
        if name == "check":
            verb.add_argument("--json", action="store_true", help="as one JSON object")
            continue
        verb.add_argument(
            "--timeout",
            metavar="SECONDS",
            type=_seconds,
            default=_END_S,
            help=f"how long stages may take to end after a signal (default: {_END_S:g})",
        )
        verb.add_argument(
            "--map",
            metavar="HOST:PORT=HOST:PORT",
            type=_mapping,
            action="append",
            default=[],
            help="connect elsewhere than the document says, for staging or a container; may be repeated",
        )
    command.epilog = (
        "Exit codes: 0 done, 1 the document is wrong, 2 the stages did not end in time, 3 there is no such file, 21"
        " a stage did not start, 42 a stage failed."
    )


def main(options: argparse.Namespace) -> int:
    """Check what can be checked, then run it."""
    try:
        graph = make_graph(read_document(options.file, str(options.file)))
    except DocumentError as error:
        return _refuse(error, as_json=options.verb == "check" and options.json)
    except OSError as error:
        print(f"isolane: can not read {options.file}: {error.strerror}", file=sys.stderr)
        return Exit.NOT_FOUND if isinstance(error, FileNotFoundError) else PipelineExit.DOCUMENT
    settings = load_settings()

    import uvloop

    from runner.cli.run_pipeline import check_functions, run_pipeline

    if options.verb == "run":
        return uvloop.run(
            run_pipeline(settings, graph, options.file.parent, options.timeout, dict(options.map))
        )
    try:
        if not options.json:
            _print_paths(graph)
        graph.check()
        uvloop.run(check_functions(settings, graph))
    except DocumentError as error:
        return _refuse(error, as_json=options.json, graph=graph)
    if options.json:
        _print_json(graph, [])
    return PipelineExit.OK


def _refuse(error: DocumentError, *, as_json: bool, graph: Graph | None = None) -> int:
    if as_json:
        _print_json(graph, [str(fault) for fault in error.faults])
    else:
        for fault in error.faults:
            print(f"isolane: {fault}", file=sys.stderr)
    return PipelineExit.DOCUMENT


def _print_paths(graph: Graph) -> None:
    paths = graph.paths()
    for path in islice(paths, _PATHS):
        print(f"\n{path}")
    if next(paths, None) is not None:
        print(f"\n... and more than {_PATHS} paths in all")
    sys.stdout.flush()


def _print_json(graph: Graph | None, errors: list[str]) -> None:
    paths = [] if graph is None else list(islice(graph.paths(), _PATHS))
    whole = {
        "ok": not errors,
        "errors": errors,
        "paths": [{"start": path.start, "stages": path.names, "end": path.end} for path in paths],
    }
    print(msgspec.json.encode(whole).decode())


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds


def _mapping(text: str) -> tuple[str, str]:
    source, _, target = text.partition("=")
    for place in (source, target):
        host, _, port = place.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise argparse.ArgumentTypeError(f"{text!r} must be HOST:PORT=HOST:PORT")
    return source, target
