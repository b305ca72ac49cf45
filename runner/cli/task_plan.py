"""What a task is, as options of a verb and as the API takes it: for tasks that are enqueued, and those that schedules make."""

from __future__ import annotations

import argparse
from typing import Any, Final

import msgspec

from runner.cli.exits import UsageError
from runner.cli.verbs import text_or_stdin

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def add_plan_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--type", metavar="T", help="which of the worker's tasks")
    verb.add_argument("--payload", metavar="JSON", help="what the handler gets; - reads stdin")
    verb.add_argument("--queue", metavar="Q", help="default: default")
    verb.add_argument("--concurrency-key", metavar="K", help="one at a time of those that share it")
    verb.add_argument("--priority", metavar="N", type=int, help="higher comes first (default: 0)")
    verb.add_argument("--max-attempts", metavar="N", type=count)
    verb.add_argument("--timeout", metavar="MS", type=count, help="of each attempt")
    verb.add_argument(
        "--retry",
        metavar="KIND",
        choices=("fixed", "linear", "exponential"),
        help="how delays grow",
    )
    verb.add_argument("--retry-delay", metavar="MS", type=count, help="the first one")


def plan_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of the task that are said.

    Raises
    ------
    UsageError
        The payload is no JSON.

    """
    wanted = {
        "type": options.type,
        "queue": options.queue,
        "concurrencyKey": options.concurrency_key,
        "priority": options.priority,
        "maxAttempts": options.max_attempts,
        "timeoutMs": options.timeout,
        "retry": _retry_policy(options),
    }
    plan = {name: value for name, value in wanted.items() if value is not None}
    if options.payload is not None:
        plan["payload"] = _payload(options.payload)
    return plan


def _payload(given: str) -> Any:
    text = text_or_stdin(None if given == "-" else given, "payload")
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise UsageError(f"the payload is no JSON: {error}; a text needs its quotes") from None


def _retry_policy(options: argparse.Namespace) -> dict[str, Any] | None:
    given = {"kind": options.retry, "delayMs": options.retry_delay}
    said = {name: value for name, value in given.items() if value is not None}
    return said or None


def count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 up")
    return int(text)


def seconds(text: str) -> int:
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    if not (number.isascii() and number.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no time like 30s, 10m, 2h or 1d")
    return int(number) * _UNITS[unit]
