"""The second half of ``isolane pipeline``: what needs an event loop, and isolates."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from pools.protocol import Mode
from runner.cli.logs import configure_logging
from runner.cli.pipeline import PipelineExit
from runner.errors import HostStartError
from runner.journal import Silence
from runner.lifecycle import Signals
from runner.pipelines.errors import DocumentError, StageStartError
from runner.pipelines.functions import StageFunctions
from runner.pipelines.runtime import Pipeline, PipelineTimeoutError
from runner.schedules.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from runner.app import Runner
    from runner.config import Settings
    from runner.deployments import Deployment
    from runner.pipelines.graph import Graph

_STATM: Final = Path("/proc/self/statm")
_log = logging.getLogger("isolane.pipeline")
_CONSOLE: Final = {"ERROR": logging.ERROR, "WARN": logging.WARNING, "INFO": logging.INFO}


class ConsoleLog(Silence):
    """Console lines of functions, to the log."""

    def console(self, deployment: Deployment, level: str, text: str) -> None:
        number = _CONSOLE.get(level, logging.DEBUG)
        _log.log(number, "%s", text, extra={"stage": deployment.name})


async def check_functions(settings: Settings, graph: Graph) -> None:
    """Load the functions of all stages, and call none.

    Raises
    ------
    DocumentError
        One does not compile, or is none.

    """
    configure_logging(settings)
    async with open_functions(settings, graph, socket.gethostname()):
        pass


async def run_pipeline(
    settings: Settings, graph: Graph, folder: Path, timeout_s: float, mapped: Mapping[str, str]
) -> int:
    """Run a pipeline to its end; returns the exit code."""
    configure_logging(settings)
    hostname = socket.gethostname()
    try:
        graph.check()
        with Signals() as signals:
            async with open_functions(settings, graph, hostname) as (functions, runner):

                def held_bytes() -> tuple[int, int]:
                    hosts = () if runner is None else runner.supervisor.hosts
                    pages = int(_STATM.read_text().split()[1])
                    return sum(host.rss_bytes for host in hosts), pages * resource.getpagesize()

                pipeline = Pipeline(
                    graph,
                    settings,
                    SystemClock(),
                    hostname,
                    folder,
                    functions=functions,
                    mapped=mapped,
                    held_bytes=held_bytes,
                )
                return await run_until_signalled(pipeline, signals, timeout_s)
    except HostStartError as error:
        _log.error("%s", error)
        return PipelineExit.START
    except DocumentError as error:
        for fault in error.faults:
            print(f"isolane: {fault}", file=sys.stderr)
        return PipelineExit.DOCUMENT


async def run_until_signalled(pipeline: Pipeline, signals: Signals, timeout_s: float) -> int:
    async def stop() -> None:
        await signals.wait()
        pipeline.stopping.set()

    stopping = asyncio.create_task(stop(), name="pipeline: signals")
    try:
        await pipeline.run(timeout_s)
    except StageStartError as error:
        _log.error("%s", error)
        return PipelineExit.START
    except PipelineTimeoutError as error:
        _log.error("%s", error)
        return PipelineExit.TIMEOUT
    except Exception:  # noqa: BLE001 - logged, and told by the exit code
        _log.exception("the pipeline ends: a stage failed")
        return PipelineExit.EXCEPTION
    finally:
        stopping.cancel()
    return PipelineExit.OK


@asynccontextmanager
async def open_functions(
    settings: Settings, graph: Graph, hostname: str
) -> AsyncIterator[tuple[dict[str, StageFunctions], Runner | None]]:
    """Start isolate hosts for a document that has JavaScript, and load all of it."""
    specs = [node.spec for node in graph.nodes.values() if node.spec.functions]
    if not specs:
        yield {}, None
        return
    from runner.app import Runner

    # What 'this' holds is in a context: a stage needs an isolate of its own, always on the same lane.
    lanes = min(settings.lanes, len(specs))
    settings = msgspec.structs.replace(
        settings, mode=Mode.PINNED, lanes=lanes, hosts=min(settings.hosts, lanes)
    )
    async with AsyncExitStack() as stack:
        runner = await stack.enter_async_context(Runner(settings, ConsoleLog()))
        functions = {
            spec.name: StageFunctions(runner, spec, hostname, number)
            for number, spec in enumerate(specs)
        }
        faults = [fault for one in functions.values() if (fault := await one.check())]
        if faults:
            raise DocumentError(faults)
        yield functions, runner
