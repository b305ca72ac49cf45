"""The structures of pools.v8.abi against the debug information of the very shared object they describe."""

import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from pools.errors import EngineError
from pools.v8 import abi

DECLARED: dict[str, type[ctypes.Structure]] = {
    "v8::StartupData": abi.StartupData,
    "v8::ResourceConstraints": abi.ResourceConstraints,
    "v8::Isolate::CreateParams": abi.CreateParams,
    "v8::ScriptCompiler::Source": abi.Source,
    "v8::ScriptCompiler::CachedData": abi.CachedData,
    "v8::HeapStatistics": abi.HeapStatistics,
    "v8::TryCatch": abi.TryCatch,
    "v8::HandleScope": abi.HandleScope,
    "v8::Locker": abi.Locker,
    "v8::FunctionCallbackInfo<v8::Value>": abi.FunctionCallbackInfo,
    "v8::PromiseRejectMessage": abi.PromiseRejectMessage,
}
# The callback pairs share one declaration; Genesis is V8's own, of which the wheel has no debug information: it is read
# while a snapshot is built, and test_blob.py sees its effect.
SHARED = {"SerializeCallback": "v8::DeserializeInternalFieldsCallback", "Genesis": None}


def name_of(die: Any) -> str:
    parts = []
    while die is not None and die.tag != "DW_TAG_compile_unit":
        name = die.attributes.get("DW_AT_name")
        parts.append(name.value.decode() if name else "")
        die = die.get_parent()
    return "::".join(reversed(parts))


def structures(path: Path) -> Iterator[tuple[str, Any]]:
    wanted = {name.rsplit("::v8", 1)[0].rsplit("::", 1)[-1] for name in DECLARED}
    wanted |= {"FunctionCallbackInfo<v8::Value>", "DeserializeInternalFieldsCallback"}
    with path.open("rb") as file:
        for unit in ELFFile(file).get_dwarf_info().iter_CUs():
            for die in unit.iter_DIEs():
                if die.tag not in ("DW_TAG_class_type", "DW_TAG_structure_type"):
                    continue
                name = die.attributes.get("DW_AT_name")
                if name and name.value.decode() in wanted and "DW_AT_byte_size" in die.attributes:
                    yield name_of(die), die


@pytest.fixture(scope="module")
def layouts() -> dict[str, tuple[int, dict[str, int]]]:
    """Size and member offsets by qualified name, as the compiler laid them out."""
    import _STPyV8

    found: dict[str, tuple[int, dict[str, int]]] = {}
    for name, die in structures(Path(_STPyV8.__file__)):
        members = {
            child.attributes["DW_AT_name"].value.decode(): child.attributes[
                "DW_AT_data_member_location"
            ].value
            for child in die.iter_children()
            if "DW_AT_data_member_location" in child.attributes and "DW_AT_name" in child.attributes
        }
        found.setdefault(name, (die.attributes["DW_AT_byte_size"].value, members))
    return found


@pytest.mark.timeout(120)
def test_every_structure_has_the_compilers_layout(
    layouts: dict[str, tuple[int, dict[str, int]]],
) -> None:
    """Size, and the offset of each member that has a counterpart of its name, are those in the debug information."""
    for name, structure in DECLARED.items():
        size, members = layouts[name]
        assert ctypes.sizeof(structure) == size, name
        offsets = {field[0]: getattr(structure, field[0]).offset for field in structure._fields_}
        assert offsets.keys() <= members.keys(), name
        for member, offset in offsets.items():
            assert members[member] == offset, f"{name}.{member}"
    size, _ = layouts["v8::DeserializeInternalFieldsCallback"]
    assert ctypes.sizeof(abi.SerializeCallback) == size


def test_no_structure_is_left_out() -> None:
    """Whoever declares a structure has to add it here."""
    declared = {
        value
        for value in vars(abi).values()
        if isinstance(value, type)
        and issubclass(value, ctypes.Structure)
        and value is not ctypes.Structure
    }
    assert declared - set(DECLARED.values()) == {getattr(abi, name) for name in SHARED}


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A different STPyV8 would have other structures: it is refused by a sentence that names both versions."""
    monkeypatch.setattr(abi, "installed_version", lambda: "13.2.0.0")
    with pytest.raises(EngineError, match=r"STPyV8 13\.2\.0\.0 is installed.*13\.1\.201\.22"):
        abi.load()
