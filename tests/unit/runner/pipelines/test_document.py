"""A document names stages; all that is wrong with them is told at once, with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runner.pipelines.document import read_document
from runner.pipelines.errors import DocumentError
from runner.pipelines.stage import JsFunction
from runner.pipelines.stages.js import JsConfig
from runner.pipelines.stages.scheduler import SchedulerConfig

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runner.pipelines.document import StageSpec


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], dict[str, StageSpec]]:
    def read(text: str) -> dict[str, StageSpec]:
        path = tmp_path / "p.yaml"
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        return {spec.name: spec for spec in read_document(path, "p.yaml")}

    return read


def faults(read: Callable[[str], object], text: str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        read(text)
    return [str(fault) for fault in caught.value.faults]


def test_the_module_is_the_stages_name_where_none_is_given(
    read: Callable[[str], dict[str, StageSpec]],
) -> None:
    specs = read("pipeline: {log: {inputs: [a]}, a: {module: pass, inputs: [log]}}")
    assert {name: spec.module for name, spec in specs.items()} == {"log": "log", "a": "pass"}


def test_a_stage_with_cron_and_no_module_is_a_scheduler(
    read: Callable[[str], dict[str, StageSpec]],
) -> None:
    spec = read("pipeline: {tick: {config: {cron: '*/33 * * * * *', payload: {}}}}")["tick"]
    assert (spec.module, spec.config) == ("scheduler", SchedulerConfig(cron="*/33 * * * * *"))


def test_a_stage_of_js_has_its_functions_and_whatever_else_they_want(
    read: Callable[[str], dict[str, StageSpec]],
) -> None:
    spec = read("pipeline: {a: {module: js, config: {function: !!js/function x => x, n: [1]}}}")[
        "a"
    ]
    assert spec.config == JsConfig(function=JsFunction("function"))
    assert spec.settings == {"function": JsFunction("function"), "n": [1]}
    assert [(key, function.text) for key, function in spec.functions.items()] == [
        ("function", "x => x")
    ]


def test_templates_go_under_stages_level_by_level(
    read: Callable[[str], dict[str, StageSpec]], tmp_path: Path
) -> None:
    """As the original's example has it: a namespace for a file, a stage with what it says otherwise."""
    (tmp_path / "templates.yaml").write_text(
        "tell:\n  module: js\n  inputs: [a]\n  config:\n    deep: {a: 1, b: 2}\n    function: !!js/function x => x\n"
    )
    spec = read(
        "templates: {my: {path: templates.yaml}}\n"
        "pipeline: {b: {template: my.tell, inputs: [c], config: {deep: {b: 3}}}}"
    )["b"]
    assert spec.module == "js"
    assert spec.settings["deep"] == {"a": 1, "b": 3}
    assert [named.name for named in spec.inputs] == ["c"]
    assert spec.functions["function"].file == "templates.yaml"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stages: {}", ["p.yaml:1:1: there is no key 'stages' here", "p.yaml:1:1: there is no key 'pipeline', which has the stages by their names"]),
        ("pipeline: {}", ["p.yaml:1:11: the pipeline has no stage"]),
        ("pipeline: [a]", ["p.yaml:1:11: pipeline must be a mapping"]),
        ("pipeline: {a: 1}", ["p.yaml:1:15: stage 'a' must be a mapping"]),
        ("pipeline: {a: {module: sqll}}", ["p.yaml:1:24: stage 'a': there is no module 'sqll'; did you mean 'sql'?"]),
        ("pipeline: {a: {module: 3}}", ["p.yaml:1:24: stage 'a': module must be a text"]),
        ("pipeline: {scedule: {}}", ["p.yaml:1:12: stage 'scedule' has no module, and there is none of its name; did you mean 'scheduler'?"]),
        ("pipeline: {a: {module: pass, input: [b]}}", ["p.yaml:1:30: stage 'a': a stage has no key 'input'; did you mean 'inputs'?"]),
        ("pipeline: {a: {module: pass, size: 1}}", ["p.yaml:1:30: stage 'a': a stage has no key 'size'; what its module wants belongs below config"]),
        ("pipeline: {a: {module: pass, inputs: b}}", ["p.yaml:1:38: stage 'a': inputs must be a list of names"]),
        ("pipeline: {a: {module: pass, inputs: [1]}}", ["p.yaml:1:39: stage 'a': inputs must be names"]),
        ("pipeline: {a: {module: pass, errChannel: [1]}}", ["p.yaml:1:42: stage 'a': errChannel must be a name"]),
        ("pipeline:\n  e:\n    module: errors\n    config:\n      stackdepth: 1", ["p.yaml:5:7: stage 'e': config: there is no key 'stackdepth'; did you mean 'stackDepth'?"]),
        ("pipeline: {e: {module: errors, config: {stackDepth: -1}}}", ["p.yaml:1:53: stage 'e': config.stackDepth: it must be a whole number, at least 0"]),
        ("pipeline: {e: {module: errors, config: {stackDepth: x}}}", ["p.yaml:1:53: stage 'e': config.stackDepth: it must be a whole number, at least 0"]),
        ("pipeline: {e: {module: stats, config: {enable: {rate: true}}}}", ["p.yaml:1:49: stage 'e': config.enable: there is no key 'rate'"]),
        ("pipeline: {e: {module: pass, config: [1]}}", ["p.yaml:1:38: stage 'e': config must be a mapping"]),
        ("pipeline: {e: {module: pass, config: {a: 1}}}", ["p.yaml:1:39: stage 'e': config: there is no key 'a'; there is none"]),
        ("pipeline: {e: {module: js}}", ["p.yaml:1:15: stage 'e': config: the key 'function' is missing"]),
        ("pipeline: {e: {module: js, config: {function: x}}}", ["p.yaml:1:47: stage 'e': config.function: it must be a !!js/function"]),
        ("pipeline: {e: {module: js, config: {function: {}}}}", ["p.yaml:1:47: stage 'e': config.function: it must be a !!js/function"]),
        ("pipeline: {t: {module: scheduler, config: {cron: '61 * * * * *'}}}", ["p.yaml:1:43: stage 't': config: the cron expression '61 * * * * *' can not be used: the field is wrong: second"]),
        ("pipeline: {t: {module: sql, config: {connection: x, query: y, driver: 'npm:mysql2'}}}", ["p.yaml:1:37: stage 't': config: there is no driver 'npm:mysql2': the stage speaks PostgreSQL, npm:pg@8"]),
        ("templates: {a: {}}\npipeline: {a: {module: pass}}", ["p.yaml:1:16: templates 'a' need a path: of a YAML file with stages by their names"]),
        ("pipeline: {a: {template: x.y, module: pass}}", ["p.yaml:1:26: stage 'a': there is no template 'x.y'"]),
        ("pipeline: {a: {template: 1, module: pass}}", ["p.yaml:1:26: stage 'a': template must be a text, NAMESPACE.NAME"]),
        ("pipeline: {a: {module: pass}, b: \udcff}", ["p.yaml:1:34: this is no UTF-8 text"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(
    read: Callable[[str], dict[str, StageSpec]], text: str, expected: list[str]
) -> None:
    assert faults(read, text) == expected


def test_all_that_is_wrong_is_told_at_once(read: Callable[[str], dict[str, StageSpec]]) -> None:
    text = "pipeline:\n  a: {module: x}\n  b: {inputs: 1, module: pass}\n  c: {module: js}\n"
    assert len(faults(read, text)) == 3


def test_plugins_are_refused_with_what_to_use_instead(
    read: Callable[[str], dict[str, StageSpec]],
) -> None:
    (fault,) = faults(read, "plugins: {mine: {path: mine.js}}\npipeline: {a: {module: pass}}")
    assert fault.startswith("p.yaml:1:1: there are no plugins here")
    assert "a stage with the module 'js'" in fault


def test_a_template_file_that_is_not_there_is_told(
    read: Callable[[str], dict[str, StageSpec]],
) -> None:
    (fault,) = faults(read, "templates: {my: {path: none.yaml}}\npipeline: {a: {module: pass}}")
    assert fault.startswith("p.yaml:1:24: can not read ")
    assert fault.endswith("none.yaml: No such file or directory")
