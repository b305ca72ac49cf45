"""``isolane run``: one task, its result on stdout, its console on stderr.

The host's process starts before anything heavy is imported here, so that V8 gets ready meanwhile.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from runner.cli.exits import Exit, UsageError
from runner.config import load_settings
from runner.env_file import EnvFileError, read_env
from runner.snapshots import open_snapshot
from runner.spawn import spawn_host

if TYPE_CHECKING:
    import argparse


def main(options: argparse.Namespace) -> int:
    """Check what can be checked, start the host, then the rest."""
    payload = _payload(options.payload)
    if not options.script.is_file():
        print(f"isolane: there is no script {options.script}", file=sys.stderr)
        return Exit.NOT_FOUND
    try:
        variables = read_env(options.env_file) if options.env_file else {}
    except EnvFileError as error:
        raise UsageError(str(error)) from None
    # One lane is all that one task can use.
    settings = msgspec.structs.replace(load_settings(), lanes=1, hosts=1)
    process = spawn_host(settings.host_environ, 1, open_snapshot(settings))

    import uvloop

    from runner.cli.run_task import run_task

    return uvloop.run(run_task(settings, process, options, payload, variables))


def _payload(text: str) -> msgspec.Raw:
    """Return the payload as it is; it only has to be JSON."""
    try:
        data = text.encode()
        return msgspec.Raw(bytes(msgspec.json.decode(data, type=msgspec.Raw)))
    except (UnicodeEncodeError, msgspec.DecodeError) as error:
        lone_surrogate = _as_python_json(text)
        if lone_surrogate is not None:
            return lone_surrogate
        raise UsageError(f"--payload is no JSON: {error}") from None


def _as_python_json(text: str) -> msgspec.Raw | None:
    """Return a payload that is JSON by the letter only, with escapes of lone surrogates in it."""
    import json

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        json.loads(text, parse_constant=refuse)
        return msgspec.Raw(text.encode())
    except ValueError:
        return None
