"""``isolane types``: what worker code sees, as TypeScript definitions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.exits import Exit, UsageError
from runner.definitions import environment, global_scope
from runner.sources import read_manifest

if TYPE_CHECKING:
    import argparse

_HEAD = '// Written by `isolane types`. In tsconfig.json: "lib": ["esnext"], "types": [].\n\n'


def add_options(command: argparse.ArgumentParser) -> None:
    command.set_defaults(module="definitions")
    command.add_argument(
        "path",
        metavar="PATH",
        nargs="?",
        type=Path,
        default=Path(),
        help="the folder of a worker.toml, for the types of env (default: this folder)",
    )
    command.add_argument(
        "--output", metavar="F", type=Path, help="write them there, such as isolane.d.ts"
    )


def main(options: argparse.Namespace) -> int:
    path: Path = options.path
    folder = path.parent if path.name == "worker.toml" else path
    if not path.exists() or not folder.is_dir():
        raise UsageError(f"there is no folder {path}")
    text = _HEAD + global_scope() + "\n" + environment(read_manifest(folder))
    if options.output is None:
        print(text, end="")
        return Exit.OK
    try:
        options.output.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"{options.output} can not be written: {error.strerror}") from None
    print(options.output)
    return Exit.OK
