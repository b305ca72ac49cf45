"""Who feeds whom, and which pipelines can not work."""

from __future__ import annotations

import pytest

from runner.pipelines.errors import DocumentError
from runner.pipelines.graph import make_graph
from runner.pipelines.stages.errors import Errors
from runner.pipelines.stages.stats import Stats
from tests.unit.runner.pipelines.specs import Sink, Source, Through, spec


def takers(*specs: object) -> dict[str, list[str]]:
    return {name: node.takers for name, node in make_graph(specs).nodes.items()}  # type: ignore[arg-type]


def faults(*specs: object) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        make_graph(specs).check()  # type: ignore[arg-type]
    return [fault.message for fault in caught.value.faults]


def test_inputs_name_stages() -> None:
    found = takers(spec("a", Source), spec("b", Through, "a"), spec("c", Sink, "a", "b"))
    assert found == {"a": ["b", "c"], "b": ["c"], "c": []}


def test_channels_are_what_stages_say_or_their_names() -> None:
    """The old wiring: events go out on ``outChannels``, else on the stage's name."""
    found = takers(
        spec("a", Source, out_channels=["x", "y"]),
        spec("b", in_channels=["x"]),
        spec("c", Sink, in_channels=["y", "b"]),
    )
    assert found == {"a": ["b", "c"], "b": ["c"], "c": []}


def test_errors_and_counts_of_all_stages_go_to_the_stages_for_them() -> None:
    graph = make_graph(
        [spec("a", Source), spec("e", Errors), spec("s", Stats), spec("log", Sink, "a", "e", "s")]
    )
    graph.check()
    assert graph.nodes["e"].errors_of == frozenset({"a", "e", "s", "log"})
    assert graph.nodes["s"].stats_of == {"a", "e", "s", "log"}
    assert graph.on_the_side() == {"e", "s", "log"}


def test_a_stage_may_have_its_errors_and_counts_go_elsewhere() -> None:
    graph = make_graph(
        [
            spec("a", Source, err_channel="mine", stats_channel="mine"),
            spec("e", Errors, in_channels=["mine"]),
            spec("s", Stats, in_channels=["mine"]),
            spec("raw", in_channels=["errors"]),
            spec("log", Sink, "a", "e", "s", "raw"),
        ]
    )
    graph.check()
    assert graph.nodes["e"].errors_of == frozenset({"a"})
    assert graph.nodes["s"].stats_of == {"a"}
    assert graph.nodes["raw"].errors_of == frozenset({"e", "s", "raw", "log"})


def test_paths_have_marks_at_both_ends() -> None:
    graph = make_graph(
        [
            spec("in", Source),
            spec("mid", Through, "in"),
            spec("out", Sink, "mid", "e"),
            spec("e", Errors),
            spec("s", Stats),
            spec("lost", Through, "mid"),
            spec("orphan", Sink),
            spec("odd", Sink, "nobody"),
        ]
    )
    assert [str(path) for path in graph.paths()] == [
        "INPUT : in\n  - mid\nOUTPUT : out",
        "INPUT : in\n  - mid\nDEADEND : lost",
        "ERRORS : e\nOUTPUT : out",
        "STATS : s\nDEADEND : s",
        "DEADEND : orphan",
        "UNDEFINED : nobody\nOUTPUT : odd",
    ]


def test_a_dead_end_is_an_error() -> None:
    (fault,) = faults(spec("a", Source), spec("b", Through, "a"))
    assert fault.startswith("stage 'b' is a dead end: nothing takes what it emits")


def test_a_stage_without_channels_for_its_events_is_no_dead_end() -> None:
    """``outChannels: []`` says that its events are not wanted, in either wiring."""
    graph = make_graph([spec("a", Source), spec("b", Through, "a", out_channels=[])])
    graph.check()
    assert [path.end for path in graph.paths()] == ["OUTPUT"]


def test_a_stage_that_nothing_comes_to_is_a_dead_end() -> None:
    (fault,) = faults(spec("a", Sink))
    assert fault == "stage 'a' is a dead end: nothing comes to it; name its inputs"


def test_what_is_not_there_is_told_with_a_guess() -> None:
    assert faults(spec("claim", Source), spec("log", Sink, "clam"), spec("x", Sink, "claim")) == [
        "stage 'log': there is no stage 'clam'; did you mean 'claim'?"
    ]
    assert faults(spec("a", Source, out_channels=["chan"]), spec("log", Sink, in_channels=["chann"]), spec("x", Sink, in_channels=["chan"])) == [
        "stage 'log': no stage has the channel 'chann'; did you mean 'chan'?"
    ]  # fmt: skip


def test_circles_are_refused_with_their_way() -> None:
    found = faults(
        spec("in", Source), spec("a", Through, "in", "c"), spec("b", Through, "a"), spec("c", Through, "b"), spec("log", Sink, "b")
    )  # fmt: skip
    (fault,) = found
    way = fault.removeprefix("stages feed each other in a circle: ").split(" → ")
    assert way[0] == way[-1]
    assert set(way) == {"a", "b", "c"}
    assert way.index("b") == (way.index("a") + 1 if way[0] != "b" else 0)


def test_a_stage_that_feeds_itself_is_a_circle() -> None:
    (fault,) = faults(spec("in", Source), spec("a", Through, "in", "a"))
    assert fault == "stages feed each other in a circle: a → a"


def test_inputs_take_nothing_and_errors_need_no_inputs() -> None:
    found = faults(
        spec("a", Source), spec("b", Source, "a"), spec("e", Errors, "a"), spec("l", Sink, "b", "e", "a")
    )  # fmt: skip
    assert found == [
        "stage 'e' is told of all errors; it takes no inputs",
        "stage 'b' makes events and takes none",
    ]


def test_many_ways_through_a_pipeline_are_found_one_by_one() -> None:
    """Forty diamonds in a row have 2**40 paths: nobody waits for the last."""
    specs = [spec("n0", Source)]
    for n in range(40):
        specs += [spec(f"l{n}", Through, f"n{n}"), spec(f"r{n}", Through, f"n{n}")]
        specs += [spec(f"n{n + 1}", Through, f"l{n}", f"r{n}")]
    specs.append(spec("out", Sink, "n40"))
    graph = make_graph(specs)
    graph.check()
    assert len(next(graph.paths()).names) == 82
