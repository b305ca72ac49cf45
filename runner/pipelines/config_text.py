"""A stage's ``config``: from the tree to its struct, with words for whoever wrote the document."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from runner.pipelines.allowed import allowed_at
from runner.pipelines.errors import Fault
from runner.pipelines.modules import guess

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.pipelines.stage import StageConfig
    from runner.pipelines.tree import Node

_PATH: Final = re.compile(r" - at `(?:key in )?\$(.*)`$")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`")
_MISSING: Final = re.compile(r"Object missing required field `(.*)`")
_EXPECTED: Final = re.compile(r"Expected |Invalid enum value ")
_KEY: Final = re.compile(r"([A-Za-z]+): ")
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[([0-9]+|\.\.\.)\]")
_ANY: Final = "..."
_FUNCTION_KEY: Final = "js_function_key"


def read_config(node: Node, config: type[StageConfig]) -> StageConfig | Fault:
    """Return a stage's config as its struct, or what is wrong with it."""
    if not isinstance(node.value, dict):
        return Fault(node.place, "config must be a mapping")
    try:
        return msgspec.convert(node.plain(), config, from_attributes=True)
    except msgspec.ValidationError as error:
        text = str(error)
    found = _PATH.search(text)
    steps = [key or index for key, index in _STEP.findall(found[1])] if found else []
    message = text[: found.start()] if found else text
    named = _KEY.match(message)
    if not steps and named and node.child(named[1]) is not None:
        # What a config says of its own keys.
        steps, message = [named[1]], message[named.end() :]
    path = [step for step in steps if step != _ANY]
    place = node.place_of(path)
    if unknown := _UNKNOWN.match(message):
        place = _at(node, path).keys.get(unknown[1], place)
    where = f"config.{'.'.join(path)}" if path else "config"
    return Fault(place, f"{where}: {_understood(message, steps, config)}")


def _at(node: Node, path: Sequence[str]) -> Node:
    for part in path:
        if isinstance(node.value, list) and part.isdigit():
            node = node.value[int(part)]
        else:
            node = node.child(part) or node
    return node


def _understood(message: str, path: Sequence[str], config: type[StageConfig]) -> str:
    """Return msgspec's message in words for whoever writes documents."""
    if unknown := _UNKNOWN.match(message):
        known = dict.fromkeys(field.encode_name for field in msgspec.structs.fields(config))
        advice = "" if path else guess(unknown[1], known)
        if not path and not advice:
            advice = f"; there {'are ' + ', '.join(sorted(known)) if known else 'is none'}"
        return f"there is no key {unknown[1]!r}{advice}"
    if missing := _MISSING.match(message):
        if missing[1] == _FUNCTION_KEY:
            return "it must be a !!js/function"
        return f"the key {missing[1]!r} is missing"
    if _EXPECTED.match(message) and (allowed := allowed_at(config, path)):
        return f"it must be {allowed}"
    return message
