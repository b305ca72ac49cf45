"""The program that a stage's functions make together, and where in the document the places of its errors are.

Must not know how it is run.
"""

from __future__ import annotations

import inspect
import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from runner.pipelines.errors import Place

if TYPE_CHECKING:
    from pools.protocol import ErrorInfo
    from runner.pipelines.document import StageSpec
    from runner.pipelines.tree import FunctionText

MAIN: Final = "stage_functions.js"
_HEADER: Final = "export default (\n"
_FUNCTION: Final = re.compile(r"\bf([0-9]+)\.js(?::([0-9]+))?(?::([0-9]+))?")
_NAMELESS: Final = re.compile(r"^(at (?:async )?)((?:Object\.)?default) \((?=f([0-9]+)\.js)")
_OURS: Final = re.compile(r"\b(stage_functions|functions|shim)\.js\b")


def stage_program(spec: StageSpec, hostname: str) -> dict[str, str]:
    """Return the files of a stage's program."""
    texts = list(spec.functions.items())
    names = [f"f{number}" for number in range(len(texts))]
    imports = [f"import {name} from './{name}.js';" for name in names]
    entries = [f"[{_json(key)}, {name}]" for name, (key, _) in zip(names, texts, strict=True)]
    shim = "export const shim = null;"
    program = {MAIN: files("runner.pipelines").joinpath(MAIN).read_text()}
    if spec.type.javascript:
        beside = Path(inspect.getfile(spec.type)).with_name(spec.type.javascript)
        program["shim.js"] = beside.read_text()
        shim = "export { default as shim } from './shim.js';"
    program["functions.js"] = "\n".join(
        [
            *imports,
            f"export const functions = Object.fromEntries([{', '.join(entries)}]);",
            f"export const config = JSON.parse({_json(_json(spec.settings))});",
            f"export const hostname = {_json(hostname)};",
            shim,
        ]
    )
    for name, (_, function) in zip(names, texts, strict=True):
        program[f"{name}.js"] = f"{_HEADER}{function.text}\n);"
    return program


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


class Places:
    """Where the program's lines are in the document."""

    def __init__(self, spec: StageSpec) -> None:
        self._keys = list(spec.functions)
        self._functions: list[FunctionText] = list(spec.functions.values())

    def stack(self, text: str) -> list[str]:
        """Return the lines of a stack that are about the document."""
        lines = [line.strip() for line in text.splitlines()]
        return [
            self.translated(_NAMELESS.sub(self._name, line))
            for line in lines
            if line.startswith("at ") and not _OURS.search(line)
        ]

    def _name(self, found: re.Match[str]) -> str:
        """Return the key of a function that has no name of its own."""
        number = int(found[3])
        key = self._keys[number] if number < len(self._keys) else found[2]
        return f"{found[1]}{key} ({found[0].rpartition('(')[2]}"

    def translated(self, text: str) -> str:
        """Return a text that names the document where it named the program."""
        return _FUNCTION.sub(self._translate, text)

    def _translate(self, found: re.Match[str]) -> str:
        number = int(found[1])
        if number >= len(self._functions):
            return found[0]
        function = self._functions[number]
        if found[2] is None:
            return function.file
        line, column = self.find(number, int(found[2]), int(found[3] or 1))
        return f"{function.file}:{line}:{column}" if found[3] else f"{function.file}:{line}"

    def find(self, number: int, line: int, column: int) -> tuple[int, int]:
        """Return the document's line and column for those of a function's file, all from 1."""
        return self._functions[number].at(line - _HEADER.count("\n"), column)

    def origin(self, error: ErrorInfo) -> tuple[str, Place] | None:
        """Return the function that does not load, by its key, and the place where."""
        at = f"{error.file}:{error.line}:{error.column}" if error.file else error.stack
        found = next((one for one in _FUNCTION.finditer(at) if one[2] is not None), None)
        if found is None or int(found[1]) >= len(self._functions):
            return None
        number = int(found[1])
        line, column = self.find(number, int(found[2]), int(found[3] or 1) or 1)
        return self._keys[number], Place(self._functions[number].file, line, column)
