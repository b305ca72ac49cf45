"""A stage by itself: what it emits and reports, with JavaScript's part played by Python."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from runner.config import load_settings
from runner.pipelines.errors import EventError, FunctionError
from runner.pipelines.stage import JsFunction, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from runner.pipelines.stage import Event, Stage
    from runner.schedules.clock import Clock


class HandClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    async def wait(self, event: asyncio.Event, timeout_s: float) -> None:
        self.time += timedelta(seconds=timeout_s)


class Context:
    """The runtime's part."""

    name = "stage"
    hostname = "here"

    def __init__(self, folder: Path, functions: dict[str, Callable[..., Any]]) -> None:
        self.folder = folder
        self.log = logging.getLogger("tests.pipelines")
        self.settings = load_settings({}, folder)
        self.hand = HandClock()
        self.clock: Clock = self.hand
        self.stopping = asyncio.Event()
        self.mapped: Mapping[str, str] = {}
        self.errors: list[BaseException] = []
        self.counts: dict[str, int] = {}
        self.functions = functions

    def error(self, error: BaseException) -> None:
        self.errors.append(error)

    def count(self, **counts: int) -> None:
        for name, number in counts.items():
            self.counts[name] = self.counts.get(name, 0) + number

    async def call(self, function: JsFunction, *arguments: Event) -> Any:
        (answer,) = await self.call_each(function, [arguments])
        if isinstance(answer, FunctionError):
            raise answer
        return answer

    async def call_each(self, function: JsFunction, calls: Sequence[Sequence[Event]]) -> list[Any]:
        answers: list[Any] = []
        for arguments in calls:
            try:
                answers.append(self.functions[function.js_function_key](*arguments))
            except Exception as error:  # noqa: BLE001 - as an isolate does
                answers.append(FunctionError(str(error), name=type(error).__name__))
        return answers

    def place(self, host: str, port: int) -> tuple[str, int]:
        return host, port


class Bench:
    """Makes a stage of a config as a document has it, and feeds it."""

    def __init__(
        self, stage: type[Stage[Any]], config: dict[str, Any], folder: Path = Path()
    ) -> None:
        functions: dict[str, Callable[..., Any]] = {}
        plain = _without_functions(config, "", functions)
        self.context = Context(folder, functions)
        # It has what stages of events need, and no more.
        context: Any = self.context
        self.stage = stage(context, msgspec.convert(plain, stage.Config, from_attributes=True))
        self.emitted: list[Event] = []

    async def emit(self, event: Event) -> None:
        self.emitted.append(event)

    async def feed(self, *events: Event) -> list[Event]:
        """Return what is emitted for some events."""
        return await self._new(self.stage.on_events(events, self.emit))

    async def interval(self) -> list[Event]:
        return await self._new(self.stage.on_interval(self.emit))

    async def end(self) -> list[Event]:
        return await self._new(self.stage.on_end(self.emit))

    async def run(self) -> list[Event]:
        """Start it, let it run if it is an input, end and stop it."""
        await self.stage.start()
        try:
            if self.stage.kind is Kind.INPUT:
                return await self._new(self.stage.run(self.emit))
            return await self.end()
        finally:
            await self.stage.stop()

    @property
    def errors(self) -> list[str]:
        for error in self.context.errors:
            assert isinstance(error, EventError), error
        return [str(error) for error in self.context.errors]

    async def _new(self, work: Any) -> list[Event]:
        before = len(self.emitted)
        await work
        return self.emitted[before:]


def _without_functions(value: Any, path: str, functions: dict[str, Callable[..., Any]]) -> Any:
    """Replace functions by what a document's become."""
    if callable(value):
        functions[path] = value
        return JsFunction(path)
    if isinstance(value, dict):
        inner = f"{path}." if path else ""
        return {
            key: _without_functions(one, f"{inner}{key}", functions) for key, one in value.items()
        }
    return value
