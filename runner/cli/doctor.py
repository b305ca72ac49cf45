"""``isolane doctor``: whether a runner would be well here, and every setting with where it came from."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING

import msgspec

from runner.cli.dev_state import read_dev_state
from runner.cli.exits import Exit
from runner.cli.tables import as_table, paint
from runner.config import load_settings
from runner.errors import ConfigError
from runner.settings_report import Setting, describe_settings

if TYPE_CHECKING:
    import argparse

    from runner.cli.checks import Finding
    from runner.config import Settings


def main(options: argparse.Namespace) -> int:
    """Print findings and settings; fail when something is wrong."""
    # What parts log while they are tried is in the findings already.
    logging.getLogger().addHandler(logging.NullHandler())
    settings = describe_settings()
    try:
        findings = _look(load_settings())
    except ConfigError:
        findings = []
    wrong = [setting for setting in settings if setting.problem]
    ok = not wrong and all(finding.ok for finding in findings)
    if options.json:
        report = {
            "ok": ok,
            "checks": findings,
            "settings": [setting._asdict() for setting in settings],
        }
        print(msgspec.json.encode(report).decode())
    else:
        _print(findings, settings)
    return Exit.OK if ok else Exit.FAILED


def _look(settings: Settings) -> list[Finding]:
    from runner.cli.checks import Checks

    if (state := read_dev_state()) is not None and not settings.database_url:
        # What runs in this folder is meant.
        servers = tuple(filter(None, state.nats.split(",")))
        settings = msgspec.structs.replace(
            settings, database_url=state.postgres, nats_servers=settings.nats_servers or servers
        )
    return asyncio.run(Checks(settings).all())


def _print(findings: list[Finding], settings: list[Setting]) -> None:
    plain = any(setting.variable == "NO_COLOR" and setting.value for setting in settings)
    colours = sys.stdout.isatty() and not plain
    for finding in findings:
        mark = (
            paint("ok   ", "green", colours=colours)
            if finding.ok
            else paint("WRONG", "red", colours=colours)
        )
        print(f"{mark} {finding.name:<11} {finding.message}")
        if finding.advice:
            print(f"{'':<17} → {finding.advice}")
    for setting in settings:
        if setting.problem:
            mark = paint("WRONG", "red", colours=colours)
            print(f"{mark} {setting.variable}={setting.value!r} ({setting.source})")
            print(f"{'':<17} → {setting.problem}")
    if not findings:
        print("nothing else was tried, as no runner starts with these settings")
    print()
    rows = [(setting.variable, setting.value, setting.source) for setting in settings]
    print(as_table(("SETTING", "VALUE", "FROM"), rows))
