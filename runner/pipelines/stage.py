"""What a stage is: the contract between stages and the runtime.

A stage is a class in a module of ``runner.pipelines.stages``; ``modules.py`` has its name. The runtime makes it, starts it, gives it
events one batch after another (never two at once, but for its ``parallelism``), and stops it when all of its inputs have stopped:

``__init__`` → ``start`` → ``on_events``... (and ``on_interval`` between two batches) → ``on_end`` → ``stop``

A stage that makes events (``kind = Kind.INPUT``) has ``run`` instead of ``on_event``.

An event is a value that JSON can express, most often an object. It may be on its way to several stages at once: **never change one in
place**, emit a new one.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from logging import Logger
    from pathlib import Path

    from runner.config import Settings
    from runner.pipelines.counts import Counts
    from runner.schedules.clock import Clock

Event = Any
"""A value of JSON: dict, list, str, int, float, bool or None."""


class Kind(Enum):
    """How a stage stands in a pipeline."""

    INPUT = "INPUT"
    """Makes events; nothing feeds it."""
    PASS = "PASS"  # noqa: S105 - no password
    """Takes events, and emits some: that nobody takes those is an error of the document."""
    OUTPUT = "OUTPUT"
    """Takes events. What it emits may be taken, and need not be."""
    ERRORS = "ERRORS"
    """Is told of all errors."""
    STATS = "STATS"
    """Tells of the pipeline's counts."""


class StageConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of a stage's ``config``, written as in the document: ``camelCase`` by ``rename="camel"``, bounds by ``msgspec.Meta``.

    What does not fit is refused before anything starts, with the stage's name, line and column. For what types can not say, raise
    ValueError with a sentence in ``__post_init__``.

    A field for a function has the type ``JsFunction`` or ``JsFunction | None``; one that may also be something else has
    ``JsFunction | str`` and so on, told apart by ``isinstance``.
    """


class JsFunction(msgspec.Struct, frozen=True):
    """A ``!!js/function`` of the document: no text to be run here, but a name to call it by.

    See :meth:`StageContext.call`.
    """

    js_function_key: str
    """Its path in the stage's config, ``query`` or ``headers.token``."""


class Emit(Protocol):
    """Hands an event to the stages that take it; waits while one of them has no room."""

    async def __call__(self, event: Event) -> None: ...


class StageContext(Protocol):
    """What the runtime gives a stage."""

    name: str
    """The stage's, as in the document."""
    hostname: str
    folder: Path
    """Of the document: relative paths begin there."""
    log: Logger
    """For the operator; what is wrong with an event goes to :meth:`error`."""
    settings: Settings
    """The runner's: addresses that may be reached, limits, time zone."""
    clock: Clock
    """For whoever waits; tests have one of their own."""
    stopping: asyncio.Event
    """Set when inputs shall end. The loops of ``run`` look at it, and wait for it with what they wait for."""
    mapped: Mapping[str, str]
    """``--map FROM=TO``: hosts and ports that lead elsewhere, see :meth:`place`."""

    def error(self, error: BaseException) -> None:
        """Report an error: the errors stage gets it, else the log. An :class:`EventError` is best: name, message, stack."""
        ...

    def count(
        self, *, bytes_in: int = 0, bytes_out: int = 0, lines_in: int = 0, lines_out: int = 0
    ) -> None:
        """Add to what the stats stage tells; events and errors are counted by the runtime."""
        ...

    async def call(self, function: JsFunction, *arguments: Event) -> Any:
        """Call a function of the stage's config; returns what it returned, as JSON (``undefined`` is None).

        Raises
        ------
        FunctionError
            It threw, or came to one of the limits.

        """
        ...

    async def call_each(self, function: JsFunction, calls: Sequence[Sequence[Event]]) -> list[Any]:
        """Call a function once for each list of arguments, in this order; much faster than one by one.

        Where it failed, the list has a :class:`FunctionError` (not raised) instead of what was returned.
        """
        ...

    def totals(self) -> Counts:
        """Of a stats stage: the counts of all stages that it tells of, since the start."""
        ...

    def memory(self) -> tuple[int, int]:
        """Of a stats stage: bytes that JavaScript's processes hold, and bytes of this one."""
        ...

    def place(self, host: str, port: int) -> tuple[str, int]:
        """Return where a host and port of the document lead; elsewhere only with ``--map``."""
        ...


C = TypeVar("C", bound=StageConfig)


class Stage(Generic[C]):
    """Base of all stages; ``Config`` and ``kind`` are the class's own."""

    Config: ClassVar[type[StageConfig]] = StageConfig
    kind: ClassVar[Kind] = Kind.PASS
    javascript: ClassVar[str] = ""
    """A file beside the stage's module, whose default export ``(key, f)`` returns what is called instead of the function of that key."""

    def __init__(self, context: StageContext, config: C) -> None:
        self.context = context
        self.config = config

    @property
    def parallelism(self) -> int:
        """How many batches it takes at once; with more than one the events' order is lost."""
        return 1

    @property
    def interval_s(self) -> float | None:
        """How often :meth:`on_interval` is called, by the clock; None for never."""
        return None

    async def start(self) -> None:
        """Open what it needs; no event comes before all stages have started.

        Raises
        ------
        StageStartError
            It can not; the pipeline does not start.

        """

    async def run(self, emit: Emit) -> None:
        """Of inputs: make events until ``context.stopping`` is set or there are no more.

        When it returns, the stages after it stop, too. What it raises ends the pipeline.
        """
        raise NotImplementedError

    async def on_events(self, events: Sequence[Event], emit: Emit) -> None:
        """Take a batch: what came since the last one, a few hundred events at most.

        One event's error is reported and does not touch the others. Stages that are faster with many at once have their own.
        """
        for event in events:
            try:
                await self.on_event(event, emit)
            except Exception as error:  # noqa: BLE001 - an event's failure is data
                self.context.error(error)

    async def on_event(self, event: Event, emit: Emit) -> None:
        """Take an event. Raise :class:`EventError` for what is wrong with it."""
        raise NotImplementedError

    async def on_interval(self, emit: Emit) -> None:
        """Do what is due; never while events are taken, but for its ``parallelism``."""

    async def on_end(self, emit: Emit) -> None:
        """All inputs have stopped and their events are taken: emit what was held back."""

    async def stop(self) -> None:
        """Close what :meth:`start` opened; also called when it failed or the work was cut short."""
