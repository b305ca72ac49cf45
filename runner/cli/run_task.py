"""The second half of ``isolane run``: what needs an event loop."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec

from pools.protocol import OutcomeKind
from runner.app import Runner
from runner.cli.exits import Exit
from runner.cli.logs import configure_logging
from runner.events.task import TaskEvent, TaskFailure, encode_task, read_result
from runner.journal import Silence
from runner.sources import read_source

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from pools.protocol import Outcome
    from runner.config import Settings
    from runner.deployments import Deployment
    from runner.events.task import TaskResult
    from runner.spawn import HostProcess

_INDENT = 2
_REASONS = {
    OutcomeKind.NO_HANDLER: "the script has no task handler; it needs: export default { async task(payload) { ... } }",
    OutcomeKind.CPU_LIMIT: "it used up its CPU time (--timeout)",
    OutcomeKind.WALL_CLOCK: "it took too long (--timeout)",
    OutcomeKind.MEMORY_LIMIT: "it used up its memory (ISOLATE_HEAP_MAX_MB)",
    OutcomeKind.HOST_LOST: "the process that ran it died",
}


class StderrJournal(Silence):
    """Console lines to stderr, and kept for ``--json``."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self.lines: list[dict[str, str]] = []

    def console(self, deployment: Deployment, level: str, text: str) -> None:
        self.lines.append({"level": level, "text": text})
        if not self._quiet:
            print(f"[{level}] {text}", file=sys.stderr)


async def run_task(
    settings: Settings,
    process: HostProcess,
    options: argparse.Namespace,
    payload: msgspec.Raw,
    variables: Mapping[str, str],
) -> int:
    """Run the task and print what came of it."""
    configure_logging(settings)
    journal = StderrJournal(quiet=options.quiet)
    async with Runner(settings, journal, process) as runner:
        source = read_source(options.script)
        deployment = await runner.builder("local").build(
            source, variables, cpu_ms=options.timeout, wall_ms=options.timeout
        )
        event = encode_task(TaskEvent(payload, indent=_INDENT))
        execution = runner.dispatcher.start(deployment, event)
        outcome = await execution.ended()
    failure = _failure(outcome)
    result = read_result(execution.result)
    if failure is None and not result.success:
        failure = result.failure()
    if options.json:
        _write(_json(result, failure, outcome, journal))
    elif failure is None:
        text = execution.result.data_text if execution.result else None
        if text is not None:
            _write(text)
    else:
        print(f"Task failed: {_describe(failure)}", file=sys.stderr)
    return Exit.OK if failure is None else Exit.FAILED


def _failure(outcome: Outcome) -> TaskFailure | None:
    """Return why the execution failed, whatever the result says."""
    if outcome.kind is OutcomeKind.OK:
        return None
    error = outcome.error
    reason = _REASONS.get(outcome.kind)
    if error is None or reason is not None:
        return TaskFailure(_reason_name(outcome.kind), reason or f"{outcome.kind}")
    message = error.message
    file, line, column = (
        getattr(error, "file", ""),
        getattr(error, "line", 0),
        getattr(error, "column", 0),
    )
    if file:
        message += f" ({file}:{line}:{column})" if line else f" ({file})"
    return TaskFailure(error.name, message, error.stack)


def _reason_name(kind: OutcomeKind) -> str:
    return "".join(part.capitalize() for part in kind.value.split("_"))


def _describe(failure: TaskFailure) -> str:
    """Return name and message, then the places of the stack."""
    head = f"{failure.name}: {failure.message}" if failure.message else failure.name
    places = [line for line in failure.stack.splitlines() if line.lstrip().startswith("at ")]
    return "\n".join([head, *places])


def _json(
    result: TaskResult, failure: TaskFailure | None, outcome: Outcome, journal: StderrJournal
) -> str:
    usage = outcome.usage
    whole: dict[str, Any] = {"success": failure is None}
    if failure is not None:
        whole["error"] = {"name": failure.name, "message": failure.message, "stack": failure.stack}
    elif result.data:
        whole["data"] = result.data
    whole["usage"] = {
        "cpuMs": usage.cpu_us / 1000,
        "wallMs": usage.wall_us / 1000,
        "heapBytes": usage.heap_bytes,
    }
    whole["logs"] = journal.lines
    return msgspec.json.encode(whole).decode()


def _write(text: str) -> None:
    # UTF-8 whatever the locale says: this is JSON.
    sys.stdout.buffer.write(text.encode() + b"\n")
    sys.stdout.buffer.flush()
