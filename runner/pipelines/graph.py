"""Who feeds whom: stages become nodes with their takers, and what can not work is found.

Both wirings count: ``inputs`` names stages, ``inChannels`` names channels, which are what stages call their ``outChannels`` (their own name where they
say nothing). Must not know how stages run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from runner.pipelines.errors import DocumentError, Fault
from runner.pipelines.modules import guess
from runner.pipelines.stage import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from runner.pipelines.document import Named, StageSpec

_ERRORS: Final = "errors"
_STATS: Final = "stats"


class GraphNode(NamedTuple):
    """A stage and its neighbours, by name."""

    spec: StageSpec
    feeders: list[str]
    """The stages whose events it takes."""
    takers: list[str]
    undefined: list[str]
    """What it names and is not there."""
    errors_of: frozenset[str] | None
    """The stages whose errors come to it; None when none do."""
    stats_of: frozenset[str]


class Path(NamedTuple):
    """One way through the pipeline; the marks are those of its ends."""

    start: str
    names: list[str]
    end: str

    def __str__(self) -> str:
        lines = [f"{self.start} : {self.names[0]}"]
        lines += [f"  - {name}" for name in self.names[1:-1]]
        if len(self.names) > 1 or self.end not in {"OUTPUT", self.start}:
            lines.append(f"{self.end} : {self.names[-1]}")
        return "\n".join(lines)


class Graph:
    """All stages of a pipeline, in the document's order."""

    def __init__(self, nodes: dict[str, GraphNode], faults: Sequence[Fault]) -> None:
        self.nodes = nodes
        self.faults = list(faults)

    def check(self) -> None:
        """Refuse a pipeline that can not work.

        Raises
        ------
        DocumentError
            With all that was found.

        """
        if self.faults:
            raise DocumentError(self.faults)

    def after(self, names: set[str]) -> set[str]:
        """Return these stages and all that their events come to."""
        return _reached(names, lambda name: self.nodes[name].takers)

    def told_by(self, name: str) -> list[str]:
        """Return the stages that a stage's errors come to: none that would make it have further ones, for ever."""
        return [
            other
            for other in self._told_by(name)
            if name
            not in _reached({other}, lambda one: [*self.nodes[one].takers, *self._told_by(one)])
        ]

    def _told_by(self, name: str) -> list[str]:
        return [
            other
            for other, node in self.nodes.items()
            if node.errors_of is not None and name in node.errors_of
        ]

    def on_the_side(self) -> set[str]:
        """Return the stages that are told of errors or counts, and all after them."""
        return self.after({name for name, node in self.nodes.items() if is_told(node)})

    def paths(self) -> Iterator[Path]:
        """Yield the ways through the pipeline, from where events begin to where they end."""
        for name, node in self.nodes.items():
            if not node.feeders or node.undefined:
                for missing in node.undefined:
                    yield from self._from(["UNDEFINED", missing, name])
                if not node.feeders and not node.undefined:
                    yield from self._from([start_mark(node), name])

    def _from(self, begun: list[str]) -> Iterator[Path]:
        mark, *names = begun
        waiting = [names]
        while waiting:
            way = waiting.pop()
            node = self.nodes[way[-1]]
            onward = [taker for taker in node.takers if taker not in way]
            if onward:
                waiting += [[*way, taker] for taker in reversed(onward)]
            else:
                ends_well = node.spec.type.kind is Kind.OUTPUT or node.spec.out_channels == []
                yield Path(mark, way, "OUTPUT" if ends_well else "DEADEND")


def _reached(names: set[str], onward: Callable[[str], list[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += onward(name)
    return found


def start_mark(node: GraphNode) -> str:
    """Return the mark of a stage that no other stage feeds."""
    kind: Kind = node.spec.type.kind
    if kind in {Kind.INPUT, Kind.ERRORS, Kind.STATS}:
        return str(kind.value)
    return str(Kind.ERRORS.value) if node.errors_of is not None else "DEADEND"


def is_told(node: GraphNode) -> bool:
    """Whether errors or counts come to a stage."""
    return node.errors_of is not None or node.spec.type.kind is Kind.STATS


def make_graph(specs: Sequence[StageSpec]) -> Graph:
    """Return the graph of a document's stages, with what is wrong in it."""
    return _Wiring(specs).graph()


class _Wiring:
    def __init__(self, specs: Sequence[StageSpec]) -> None:
        self._specs = {spec.name: spec for spec in specs}
        self._faults: list[Fault] = []
        self._channels: dict[str, list[str]] = {}
        for spec in specs:
            for channel in outs(spec):
                self._channels.setdefault(channel, []).append(spec.name)

    def graph(self) -> Graph:
        feeders: dict[str, list[str]] = {}
        missing: dict[str, list[str]] = {}
        told: dict[str, frozenset[str] | None] = {}
        for name, spec in self._specs.items():
            feeders[name], missing[name], told[name] = self._feeders(spec)
        nodes = {}
        for name, spec in self._specs.items():
            takers = [other for other in self._specs if name in feeders[other]]
            nodes[name] = GraphNode(
                spec, feeders[name], takers, missing[name], told[name], self._counted(spec)
            )
        for node in nodes.values():
            self._check(node)
        self._check_cycles(nodes)
        return Graph(nodes, self._faults)

    def _refuse(self, place: Named | StageSpec, message: str) -> None:
        self._faults.append(Fault(place.place, message))

    # -- wires -------------------------------------------------------------------------------------------------------

    def _feeders(self, spec: StageSpec) -> tuple[list[str], list[str], frozenset[str] | None]:
        kind = spec.type.kind
        if kind in {Kind.ERRORS, Kind.STATS}:
            for named in spec.inputs:
                self._refuse(
                    named,
                    f"stage {spec.name!r} is told of all {kind.value.lower()}; it takes no inputs",
                )
            return [], [], self._told(spec, _ERRORS) if kind is Kind.ERRORS else None
        found: list[str] = []
        missing: list[str] = []
        errors: frozenset[str] | None = None
        for named in spec.inputs:
            if named.name in self._specs:
                found.append(named.name)
            else:
                missing.append(named.name)
                self._refuse(
                    named,
                    f"stage {spec.name!r}: there is no stage {named.name!r}{guess(named.name, self._specs)}",
                )
        for named in spec.in_channels or []:
            if sources := self._channels.get(named.name):
                found += sources
            elif named.name in {other.err_channel for other in self._specs.values()}:
                errors = (errors or frozenset()) | self._told_on({named.name})
            else:
                missing.append(named.name)
                self._refuse(
                    named,
                    f"stage {spec.name!r}: no stage has the channel {named.name!r}{guess(named.name, self._channels)}",
                )
        return list(dict.fromkeys(found)), missing, errors

    def _told(self, spec: StageSpec, default: str) -> frozenset[str]:
        named = spec.in_channels
        return self._told_on({default} if named is None else {one.name for one in named})

    def _told_on(self, channels: set[str]) -> frozenset[str]:
        return frozenset(name for name, spec in self._specs.items() if spec.err_channel in channels)

    def _counted(self, spec: StageSpec) -> frozenset[str]:
        if spec.type.kind is not Kind.STATS:
            return frozenset()
        named = spec.in_channels
        channels = {_STATS} if named is None else {one.name for one in named}
        return frozenset(
            name for name, other in self._specs.items() if other.stats_channel in channels
        )

    # -- checks ------------------------------------------------------------------------------------------------------

    def _check(self, node: GraphNode) -> None:
        spec, kind = node.spec, node.spec.type.kind
        if kind is Kind.INPUT:
            for named in [*spec.inputs, *(spec.in_channels or [])]:
                self._refuse(named, f"stage {spec.name!r} makes events and takes none")
        elif kind in {Kind.PASS, Kind.OUTPUT} and not (
            node.feeders or node.undefined or node.errors_of is not None
        ):
            self._refuse(
                spec, f"stage {spec.name!r} is a dead end: nothing comes to it; name its inputs"
            )
        if not node.takers and kind is not Kind.OUTPUT and spec.out_channels != []:
            self._refuse(
                spec,
                f"stage {spec.name!r} is a dead end: nothing takes what it emits; name it among the inputs of another"
                " stage, or give it 'outChannels: []' if that is not wanted",
            )

    def _check_cycles(self, nodes: dict[str, GraphNode]) -> None:
        left = dict(nodes)
        while free := [name for name, node in left.items() if left.keys().isdisjoint(node.feeders)]:
            for name in free:
                del left[name]
        if not left:
            return
        # Each of those left is fed by another of them: going back leads into a circle.
        way = [next(iter(left))]
        while way[-1] not in way[:-1]:
            way.append(next(name for name in nodes[way[-1]].feeders if name in left))
        circle = way[way.index(way[-1]) :][::-1]
        shown = " → ".join(circle)
        self._refuse(nodes[circle[0]].spec, f"stages feed each other in a circle: {shown}")


def outs(spec: StageSpec) -> list[str]:
    """Return the channels that a stage emits to."""
    return [spec.name] if spec.out_channels is None else spec.out_channels
