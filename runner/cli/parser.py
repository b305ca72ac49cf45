"""Arguments of ``isolane``: which command with what. Imports a command's module only when it is the one."""

from __future__ import annotations

import argparse
import difflib
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from runner.cli.exits import Exit, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runner.processes.handover import Handover


_OF_STATUS: Final = {
    0: Exit.UNAVAILABLE,
    400: Exit.USAGE,
    404: Exit.NOT_FOUND,
    409: Exit.CONFLICT,
    503: Exit.UNAVAILABLE,
}


def run_command(arguments: Sequence[str]) -> int:
    """Parse, run, and turn whatever goes wrong into a sentence on stderr and an exit code."""
    try:
        _check_command(arguments)
        options = _parser(arguments[:1]).parse_args(arguments)
        return int(import_module(f"runner.cli.{options.module}").main(options))
    except UsageError as error:
        print(f"isolane: {error}", file=sys.stderr)
        return Exit.USAGE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return Exit.FAILED
    except Exception as error:
        if (code := _exit_code(error)) is None:
            raise
        print(f"isolane: {error}", file=sys.stderr)
        return code


def _exit_code(error: Exception) -> Exit | None:
    """Return the code for an error whose text is a sentence for the user."""
    from runner.errors import (
        ConfigError,
        ConflictError,
        ControlError,
        DatabaseUnavailableError,
        EmbeddedServiceError,
        HostStartError,
        MigrationConflictError,
        NotFoundError,
        RunnerError,
    )
    from snapshot import errors as snapshot_errors

    match error:
        case ConfigError():
            return Exit.USAGE
        case ControlError():
            return _OF_STATUS.get(error.status, Exit.FAILED)
        case HostStartError() | DatabaseUnavailableError() | EmbeddedServiceError():
            return Exit.UNAVAILABLE
        case NotFoundError():
            return Exit.NOT_FOUND
        case ConflictError() | MigrationConflictError():
            return Exit.CONFLICT
        case (
            RunnerError()
            | snapshot_errors.SnapshotError()
            | snapshot_errors.BundleMissingError()
            | snapshot_errors.BundleBuildError()
        ):
            return Exit.FAILED
        case _:
            return None


class _Parser(argparse.ArgumentParser):
    """Says what is wrong and what to try, in a line or two."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\nTry: {self.prog} --help")


def _parser(chosen: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of all commands, with the options of the chosen one."""
    parser = _Parser(
        prog="isolane",
        description="Runs JavaScript of many tenants in pooled V8 isolates.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    for name, (summary, add_options) in _COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        command.set_defaults(module=name)
        if name in chosen:
            add_options(command)
    commands.required = True
    return parser


def _check_command(arguments: Sequence[str]) -> None:
    """Refuse an unknown command with a guess at what was meant."""
    name = arguments[0] if arguments else "-"
    if not name.startswith("-") and name not in _COMMANDS:
        close = difflib.get_close_matches(name, _COMMANDS, n=1)
        guess = f"; did you mean {close[0]!r}?" if close else ""
        raise UsageError(
            f"there is no command {name!r}{guess}\nCommands: {', '.join(_COMMANDS)}. Try: isolane --help"
        )


def _milliseconds(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of milliseconds")
    return int(text)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 up")
    return int(text)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port (0 to 65535)")
    return int(text)


def _handover(text: str) -> Handover:
    from runner.processes.handover import take_over

    try:
        return take_over(text)
    except (ValueError, OSError):
        raise argparse.ArgumentTypeError("set RUNNER_PROCESSES instead") from None


def _run(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "script", metavar="SCRIPT", type=Path, help="JavaScript or TypeScript with a task handler"
    )
    command.add_argument(
        "--payload", metavar="JSON", default="null", help="what the handler gets (default: null)"
    )
    command.add_argument(
        "--timeout",
        metavar="MS",
        type=_milliseconds,
        default=30_000,
        help="for CPU and clock (default: 30000)",
    )
    command.add_argument("--quiet", action="store_true", help="no console lines")
    command.add_argument(
        "--env-file", metavar="F", type=Path, help="variables for the script's env"
    )
    command.add_argument("--json", action="store_true", help="the whole result in one line")


def _dev(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "paths",
        metavar="PATH",
        type=Path,
        nargs="*",
        help="folders of workers, or workers (default: this folder)",
    )
    command.add_argument("--port", type=_port, help="where to listen (default: 8080)")
    command.add_argument("--host", help="on which address (default: 127.0.0.1)")
    command.add_argument("--watch", action="store_true", help="deploy again when a file changes")
    command.add_argument(
        "--env-file", metavar="F", type=Path, help="variables for the workers' env"
    )
    command.add_argument("--fresh", action="store_true", help="forget the state of the last time")


def _gateway(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--http-addr", metavar="ADDR", help="where to listen, HOST:PORT (default: HTTP_ADDR)"
    )
    command.add_argument(
        "--nats", metavar="URL", help="the bus of the fleet (default: NATS_SERVERS)"
    )


def _serve(command: argparse.ArgumentParser) -> None:
    # Of one of RUNNER_PROCESSES, from its supervisor.
    command.add_argument("--process", type=_handover, default=None, help=argparse.SUPPRESS)
    command.epilog = "Settings come from the environment and from a .env file in this folder; isolane doctor shows them."


def _snapshot(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--output", metavar="F", type=Path, help="write it here instead of the cache"
    )
    command.add_argument("--check", action="store_true", help="only check the one there is")


def _migrate(command: argparse.ArgumentParser) -> None:
    verbs = command.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=_Parser)
    for name, summary in (
        ("status", "how the database and the files in migrations/ agree"),
        ("up", "apply what is pending"),
        ("baseline", "take over a database that OpenWorkers made: note what it has, apply nothing"),
    ):
        verb = verbs.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        verb.add_argument(
            "--database-url", metavar="URL", help="which database (default: DATABASE_URL)"
        )
        verb.add_argument("--json", action="store_true", help="as one JSON object")
        if name != "status":
            verb.add_argument("--dry-run", action="store_true", help="only say what would be done")


def _version(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="as one JSON object")


def _doctor(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="as one JSON object")


def _bench(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "scenario", nargs="?", default="", metavar="SCENARIO", help="which one; none: list them"
    )
    command.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    command.add_argument("--rounds", metavar="N", type=_count, help="how often each is measured")
    command.add_argument("--quick", action="store_true", help="less of everything, for a look")


def _of_module(name: str) -> Callable[[argparse.ArgumentParser], None]:
    """Return what adds the options that a command's own module has."""
    return lambda command: import_module(f"runner.cli.{name}").add_options(command)


_COMMANDS: Final[dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]]] = {
    "run": ("run one task and print its result", _run),
    "listen": ("run tasks that come over NATS", _of_module("listen")),
    "db-listen": ("run tasks that are rows of a PostgreSQL table", _of_module("db_listen")),
    "dev": ("serve the workers of a folder on this machine", _dev),
    "serve": ("run the runner, as the environment says", _serve),
    "gateway": ("put a fleet of runners behind one address: HTTP in, NATS out", _gateway),
    "deploy": ("make a worker of the files of a folder or script", _of_module("deploy")),
    "workers": ("workers of a tenant and their versions", _of_module("workers")),
    "env": ("variables, secrets and bindings of a worker", _of_module("env")),
    "kv": ("key-value namespaces of a tenant", _of_module("kv")),
    "storage": ("object storage that workers may be bound to", _of_module("storage")),
    "databases": ("databases that workers may be bound to", _of_module("databases")),
    "domains": ("domains that lead to workers", _of_module("domains")),
    "routes": ("paths of projects that lead to workers", _of_module("routes")),
    "tail": ("follow the console of a worker", _of_module("tail")),
    "schedules": ("workers that are called at times", _of_module("schedules")),
    "tasks": ("what workers and scripts have to do, in the durable queue", _of_module("tasks")),
    "pipeline": ("check or run a pipeline of stages, from a YAML document", _of_module("pipeline")),
    "queues": ("queues of tasks: pause them, limit them", _of_module("queues")),
    "tenants": ("who owns workers, and how many they may have", _of_module("tenants")),
    "backup": (
        "backups of the database: make, list, verify and restore them",
        _of_module("backup"),
    ),
    "migrate": ("bring the database to the schema of this version", _migrate),
    "snapshot": ("build the V8 startup snapshot", _snapshot),
    "types": ("print what worker code sees, as TypeScript", _of_module("definitions")),
    "bench": ("run a benchmark", _bench),
    "doctor": ("say whether a runner would be well here, and how it is set up", _doctor),
    "version": ("print the versions of Isolane and V8", _version),
}
