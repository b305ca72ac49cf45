"""What the configs of stages say of values that they can not have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from runner.pipelines.allowed import allowed_at
from runner.pipelines.document import read_document
from runner.pipelines.errors import DocumentError
from runner.pipelines.modules import NOT_OFFERED, STAGES, find_stage
from runner.pipelines.stages.agg import AggConfig
from runner.pipelines.stages.cast import CastConfig
from runner.pipelines.stages.http import HttpConfig
from runner.pipelines.stages.json_out import JsonOutConfig
from runner.pipelines.stages.keep import KeepConfig
from runner.pipelines.stages.send_email import SendEmailConfig

if TYPE_CHECKING:
    from pathlib import Path

    from runner.pipelines.stage import StageConfig


@pytest.mark.parametrize(
    ("config", "path", "words"),
    [
        (CastConfig, ["fields"], "a mapping that is not empty"),
        (CastConfig, ["fields", "..."], "one of bool, float, int, ts-msec, ts-sec, ts-usec"),
        (AggConfig, ["key"], "a !!js/function"),
        (AggConfig, ["maxSize"], "a whole number from 1 to 100000"),
        (AggConfig, ["tsField"], "a text"),
        (HttpConfig, ["url"], "a text or a !!js/function"),
        (HttpConfig, ["allowPrivate"], "true or false"),
        (HttpConfig, ["timeoutSeconds"], "a number from 0.1 to 3600"),
        (KeepConfig, ["fields", "...", "..."], "a text"),
        (SendEmailConfig, ["attachments", "0", "filename"], "a text"),
        (SendEmailConfig, ["to"], "a text or a list or a !!js/function"),
        (JsonOutConfig, ["indent"], r"a whole number from 0 to 10 or a text like ^[ \t]{0,10}$"),
        (HttpConfig, ["body"], ""),
        (HttpConfig, ["none", "of", "these"], ""),
    ],
)
def test_what_may_stand_at_a_place_is_said_in_words(
    config: type[StageConfig], path: list[str], words: str
) -> None:
    said = allowed_at(config, path)
    assert sorted(said.split(" or ")) == sorted(words.split(" or "))


def faults_of(folder: Path, text: str) -> list[str]:
    path = folder / "p.yaml"
    path.write_text(text)
    with pytest.raises(DocumentError) as caught:
        read_document(path, "p.yaml")
    return str(caught.value).splitlines()


@pytest.mark.parametrize("module", sorted(STAGES))
def test_every_wrong_value_is_refused_in_words(tmp_path: Path, module: str) -> None:
    """With its place, the stage, the key and what is allowed; whatever the module and the key."""
    stage = find_stage(module)
    assert stage is not None
    for field in msgspec.structs.fields(stage.Config):
        key = field.encode_name
        text = f"pipeline:\n  s:\n    module: {module}\n    config:\n      {key}: [[1.5]]\n"
        try:
            [fault] = faults_of(tmp_path, text)
        except pytest.fail.Exception:
            assert "Any" in str(field.type), key
            continue
        assert re.match(r"p\.yaml:5:\d+: stage 's': config(\.\w+)*: \w", fault), fault
        assert "`" not in fault
        if "missing" not in fault:
            assert re.search(rf"config\.{key}(\.0)?: ", fault), fault
            assert "must be" in fault or key == "payload", fault


@pytest.mark.parametrize("module", sorted(STAGES))
def test_a_key_that_there_is_not_is_refused(tmp_path: Path, module: str) -> None:
    if module == "js":
        # Its functions find whatever else there is.
        return
    text = f"pipeline:\n  s:\n    module: {module}\n    config:\n      nonsense: 1\n"
    [fault] = faults_of(tmp_path, text)
    assert fault.startswith("p.yaml:5:7: stage 's': config: there is no key 'nonsense'")


@pytest.mark.parametrize("module", sorted(NOT_OFFERED))
def test_a_module_that_is_not_offered_is_told_with_what_does_its_work(
    tmp_path: Path, module: str
) -> None:
    [fault] = faults_of(tmp_path, f"pipeline:\n  s:\n    module: {module}\n")
    assert fault == (
        f"p.yaml:3:13: stage 's': there is no module '{module}'; LogBus has it, here it is not"
        f" offered: {NOT_OFFERED[module]}"
    )
    assert module not in STAGES
