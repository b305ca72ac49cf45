"""``isolane tail NAME``: the console of a worker as it goes on; ``isolane workers logs NAME``: what it printed."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from runner.cli.control_client import open_client
from runner.cli.exits import Exit, UsageError
from runner.cli.terminal import harmless, in_colour_of
from runner.cli.verbs import add_common, print_json
from runner.config import load_settings
from runner.errors import ControlError

if TYPE_CHECKING:
    from runner.cli.control_client import ControlClient

_FIRST_WAIT_S: Final = 0.2
_LONGEST_WAIT_S: Final = 2.0
_OVERLAP_S: Final = 2
"""Stored lines from before the runner ended are asked for, too: those that were seen are left out by their times."""
_LEVELS: Final = ("error", "warn", "info", "debug", "trace")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME")
    add_common(command)
    add_line_options(command)
    command.add_argument(
        "--wait",
        metavar="S",
        type=_seconds,
        default=60,
        help="how long to wait for a runner that has ended (default: 60; 0 = not at all)",
    )
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
    """Follow until Ctrl-C; a runner that ends is waited for, and what was printed meanwhile is shown when it is back."""
    _Following(options).run()
    return Exit.OK


class _Following:
    """Follows one worker, through the ends of runners."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._printer = _Printer(options)
        self._last = ""
        """When the last line came that was printed."""
        self._heard_at = 0.0
        """When the runner was last known to be there; 0 before it ever was."""

    def run(self) -> None:
        """Return never.

        Raises
        ------
        ControlError
            The runner is not there at the start, refuses, or does not come back in time.

        """
        since, wait_s, told = self._options.since, _FIRST_WAIT_S, False
        while True:
            began = self._heard_at
            try:
                self._follow(since)
            except (ControlError, UsageError) as error:
                if not self._may_come_back(error):
                    raise
                if self._heard_at != began:
                    wait_s, told = _FIRST_WAIT_S, False
                if not told:
                    print(f"isolane: {error}; waiting for it", file=sys.stderr, flush=True)
                    told = True
            time.sleep(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
            since = int(time.monotonic() - self._heard_at) + _OVERLAP_S

    def _follow(self, since: int | None) -> None:
        options = self._options
        # `dev` may come back with another port and token.
        client = open_client(options)
        path = ("workers", options.name, "logs", "live")
        after = self._last
        for line in client.follow(*path, alive=self._hear, level=options.level, since=since):
            if line["time"] > after:
                self._printer.print(line)
                self._last = max(self._last, line["time"])

    def _hear(self) -> None:
        self._heard_at = time.monotonic()

    def _may_come_back(self, error: Exception) -> bool:
        gone = isinstance(error, UsageError) or getattr(error, "status", 0) in {0, 503}
        waited_s = time.monotonic() - self._heard_at
        return bool(self._heard_at) and gone and waited_s < self._options.wait


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
