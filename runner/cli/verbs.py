"""What the verbs of the command line share: their options, and how they print."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec

from runner.cli.exits import Exit, UsageError
from runner.cli.tables import as_cell, as_table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence


class Verbs:
    """Adds verbs to a command; each has ``--json``, and ``--tenant`` unless it is about tenants, or everybody's.

    What is chosen is done by :func:`main`, unless the command says that its own ``main`` does it.
    """

    def __init__(self, command: argparse.ArgumentParser, *, tenant: bool = True) -> None:
        command.set_defaults(module="verbs")
        self._tenant = tenant
        self._verbs = command.add_subparsers(
            dest="verb", metavar="VERB", required=True, parser_class=type(command)
        )

    def add(
        self,
        name: str,
        summary: str,
        run: Callable[..., object],
        *arguments: str,
        destroys: bool = False,
    ) -> argparse.ArgumentParser:
        """Add a verb with positional arguments; ``run(client, options)`` does it."""
        verb = self._verbs.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        for argument in arguments:
            verb.add_argument(argument, metavar=argument.upper())
        add_common(verb, destroys=destroys, tenant=self._tenant)
        verb.set_defaults(run=run)
        return verb

    def group(self, name: str, summary: str) -> argparse.ArgumentParser:
        """Add a verb that has verbs of its own."""
        return self._verbs.add_parser(name, help=summary, description=summary, allow_abbrev=False)


def add_common(
    command: argparse.ArgumentParser, *, destroys: bool = False, tenant: bool = True
) -> None:
    """Add the options that every verb has."""
    if tenant:
        command.add_argument("--tenant", metavar="T", help="whose (default with dev: dev)")
    else:
        command.set_defaults(tenant="-")
    command.add_argument("--json", action="store_true", help="as JSON")
    if destroys:
        command.add_argument("--dry-run", action="store_true", help="only say what would be done")
    else:
        command.set_defaults(dry_run=False)


def main(options: argparse.Namespace) -> int:
    """Do the verb that was chosen; returns the exit code."""
    from runner.cli.control_client import open_client

    code: int | None = options.run(open_client(options), options)
    return Exit.OK if code is None else code


def print_rows(
    options: argparse.Namespace, rows: Sequence[dict[str, Any]], /, **columns: str
) -> None:
    """Print what the API listed: as it is, or the columns HEAD=field as a table."""
    if options.json:
        print_json(rows)
    elif rows:
        cells = [[_shown(row.get(field)) for field in columns.values()] for row in rows]
        print(as_table([head.upper() for head in columns], cells))
    else:
        print("none", file=sys.stderr)


def print_one(options: argparse.Namespace, row: dict[str, Any]) -> None:
    """Print one thing: a line for each field, without those that say nothing."""
    if options.json:
        print_json(row)
        return
    said = {name: _shown(value) for name, value in row.items() if value is not None}
    width = max(map(len, said), default=0)
    for name, value in said.items():
        print(f"{name.ljust(width)}  {as_cell(value)}")


def print_json(value: Any) -> None:
    print(msgspec.json.encode(value).decode())


def done(options: argparse.Namespace, text: str, **fields: Any) -> None:
    """Say what was done, or with ``--dry-run`` would be: in words, or as JSON fields."""
    if options.json:
        print_json({**fields, "dryRun": options.dry_run})
    else:
        print(as_cell(f"would be {text}" if options.dry_run else text))


def text_or_stdin(text: str | None, what: str) -> str:
    """Return what was given, or what comes from stdin, where a secret is in nobody's history.

    Raises
    ------
    UsageError
        Nothing was given, and stdin is a terminal.

    """
    if text is not None:
        return text
    if sys.stdin.isatty():
        raise UsageError(f"which {what}? Give it, or send it to stdin")
    return sys.stdin.read().removesuffix("\n")


def _shown(value: Any) -> Any:
    match value:
        case str() if len(value) > 19 and value[10:11] == "T" and value[:4].isdigit():
            # A time: the fraction of a second says nothing to people.
            return value[:19].replace("T", " ")
        case _:
            return value
