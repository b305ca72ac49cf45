"""``isolane tail NAME``: the console of a worker as it goes on; ``isolane workers logs NAME``: what it printed."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec

from runner.cli.control_client import open_client
from runner.cli.exits import Exit
from runner.cli.terminal import harmless, in_colour_of
from runner.cli.verbs import add_common, print_json
from runner.config import load_settings

if TYPE_CHECKING:
    from runner.cli.control_client import ControlClient

_LEVELS: Final = ("error", "warn", "info", "debug", "trace")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME")
    add_common(command)
    add_line_options(command)
    command.epilog = "Ends with Ctrl-C. With --json each line is an object of its own."


def add_line_options(command: argparse.ArgumentParser) -> None:
    """Add the options that say which lines."""
    command.add_argument(
        "--level", metavar="L", type=_level, help="that or graver: error, warn, info, debug, trace"
    )
    command.add_argument(
        "--since", metavar="N", type=_seconds, help="also those of the last N seconds (10m, 2h, 1d)"
    )


def main(options: argparse.Namespace) -> int:
    client = open_client(options)
    path = ("workers", options.name, "logs", "live")
    printer = _Printer(options)
    for line in client.follow(*path, level=options.level, since=options.since):
        printer.print(line)
    return Exit.OK


def print_stored(client: ControlClient, options: argparse.Namespace) -> None:
    query = {"level": options.level, "since": options.since, "limit": options.limit}
    lines = client.get("workers", options.name, "logs", **query)
    if options.json:
        print_json(lines)
        return
    printer = _Printer(options)
    for line in lines:
        printer.print(line)


class _Printer:
    """Prints lines at once, also into a pipe."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._json = options.json
        self._colours = sys.stdout.isatty() and not load_settings().no_colour

    def print(self, line: dict[str, Any]) -> None:
        if self._json:
            print(msgspec.json.encode(line).decode(), flush=True)
            return
        level, text = line["level"], line["text"]
        head = f"{line['time'][:19].replace('T', ' ')} {level}"
        for part in text.splitlines() or [""]:
            shown = f"{head} {harmless(part)}"
            print(in_colour_of(level, shown) if self._colours else shown, flush=True)


def _level(text: str) -> str:
    if text.lower() not in _LEVELS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(_LEVELS)}")
    return text.upper()


def _seconds(text: str) -> int:
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    if not (number.isascii() and number.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no time like 30, 10m, 2h or 1d")
    return int(number) * _UNITS[unit]
