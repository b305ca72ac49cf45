"""A pipeline's document: which stages it has, of which class, with which config.

Templates are merged in here. Must not know who feeds whom.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from runner.pipelines.config_text import read_config
from runner.pipelines.errors import DocumentError, Fault, Place
from runner.pipelines.modules import STAGES, find_stage, guess, instead_of
from runner.pipelines.tree import Node, merged
from runner.pipelines.yaml_text import read_tree

if TYPE_CHECKING:
    from runner.pipelines.stage import Stage, StageConfig
    from runner.pipelines.tree import FunctionText

_TOP: Final = ("pipeline", "templates", "plugins")
_STAGE: Final = (
    "module", "template", "inputs", "config", "inChannels", "outChannels", "errChannel", "statsChannel",
)  # fmt: skip
_SIDES: Final = (("errChannel", "errors"), ("statsChannel", "stats"))
_NO_PLUGINS: Final = (
    "there are no plugins here, no code is loaded into the runner; what one did is the work of a stage"
    " with the module 'js', whose function runs in an isolate and may fetch()"
)


class Named(NamedTuple):
    """A name in the document, and where it stands."""

    name: str
    place: Place


class StageSpec(NamedTuple):
    """A stage as its document describes it."""

    name: str
    place: Place
    module: str
    type: type[Stage[Any]]
    config: StageConfig
    functions: dict[str, FunctionText]
    """By their paths in the config."""
    settings: Any
    """The config without places, for JavaScript's ``this.config``."""
    inputs: list[Named]
    in_channels: list[Named] | None
    out_channels: list[str] | None
    err_channel: str
    stats_channel: str


def read_document(path: Path, name: str) -> list[StageSpec]:
    """Return the stages of a file, in its order; ``name`` is what messages call it.

    Raises
    ------
    DocumentError
        It describes no pipeline; all that is wrong with its stages is told at once.
    OSError
        It can not be read.

    """
    return _Document(path, name).read()


class _Document:
    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self._faults: list[Fault] = []
        self._templates: dict[str, Node] = {}

    def read(self) -> list[StageSpec]:
        root = read_tree(self._name, _text(self._path, self._name))
        top = self._mapping(root, "a pipeline's document")
        for key in top:
            if key not in _TOP:
                self._refuse(
                    root.keys[key], f"there is no key {key!r} here{guess(key, dict.fromkeys(_TOP))}"
                )
        if "plugins" in top:
            self._refuse(root.keys["plugins"], _NO_PLUGINS)
        for name, node in self._mapping(root.child("templates"), "templates").items():
            self._read_templates(name, node)
        specs = []
        if "pipeline" not in top:
            self._refuse(
                root.place, "there is no key 'pipeline', which has the stages by their names"
            )
        else:
            stages = self._mapping(top["pipeline"], "pipeline")
            if not stages and not self._faults:
                self._refuse(top["pipeline"].place, "the pipeline has no stage")
            for name, node in stages.items():
                place = top["pipeline"].keys[name]
                spec = self._stage(name, place, node)
                if spec is not None:
                    specs.append(spec)
        if self._faults:
            raise DocumentError(self._faults)
        return specs

    def _refuse(self, place: Place, message: str) -> None:
        self._faults.append(Fault(place, message))

    def _mapping(self, node: Node | None, what: str) -> dict[str, Node]:
        if node is None or node.value is None:
            return {}
        if isinstance(node.value, dict):
            return node.value
        self._refuse(node.place, f"{what} must be a mapping")
        return {}

    # -- templates ---------------------------------------------------------------------------------------------------

    def _read_templates(self, name: str, node: Node) -> None:
        entry = node.child("path")
        if entry is None or not isinstance(entry.value, str):
            self._refuse(
                node.place,
                f"templates {name!r} need a path: of a YAML file with stages by their names",
            )
            return
        path = self._path.parent / entry.value
        shown = str(Path(self._name).parent / entry.value)
        try:
            self._templates[name] = read_tree(shown, _text(path, shown))
        except OSError as error:
            self._refuse(entry.place, f"can not read {path}: {error.strerror}")
        except DocumentError as error:
            self._faults += error.faults

    def _with_template(self, name: str, node: Node) -> Node:
        chosen = node.child("template")
        if chosen is None:
            return node
        if not isinstance(chosen.value, str):
            self._refuse(chosen.place, f"stage {name!r}: template must be a text, NAMESPACE.NAME")
            return node
        namespace, _, wanted = chosen.value.partition(".")
        known = {
            f"{space}.{key}": found
            for space, tree in self._templates.items()
            for key, found in self._mapping(tree, f"templates {space!r}").items()
        }
        template = known.get(f"{namespace}.{wanted}")
        if template is None:
            self._refuse(
                chosen.place,
                f"stage {name!r}: there is no template {chosen.value!r}{guess(chosen.value, known)}",
            )
            return node
        return merged(template, node)

    # -- stages ------------------------------------------------------------------------------------------------------

    def _stage(self, name: str, place: Place, node: Node) -> StageSpec | None:
        if node.value is None:
            node = Node({}, node.place, {})
        if not isinstance(node.value, dict):
            self._refuse(node.place, f"stage {name!r} must be a mapping")
            return None
        node = self._with_template(name, node)
        for key in self._mapping(node, "a stage"):
            if key not in _STAGE:
                close = guess(key, dict.fromkeys(_STAGE))
                advice = close or "; what its module wants belongs below config"
                self._refuse(node.keys[key], f"stage {name!r}: a stage has no key {key!r}{advice}")
        module = self._module(name, place, node)
        type_ = None if module is None else find_stage(module)
        config = node.child("config") or Node({}, node.place, {})
        if config.value is None:
            config = Node({}, config.place, {})
        converted: StageConfig | None = None
        if type_ is not None:
            read = read_config(config, type_.Config)
            if isinstance(read, Fault):
                self._refuse(read.place, f"stage {name!r}: {read.message}")
            else:
                converted = read
        inputs = self._names(name, node, "inputs") or []
        in_channels = self._names(name, node, "inChannels")
        outs = self._names(name, node, "outChannels")
        err, stats = (self._name_at(name, node, key, default) for key, default in _SIDES)
        if module is None or type_ is None or converted is None:
            return None
        return StageSpec(
            name=name,
            place=place,
            module=module,
            type=type_,
            config=converted,
            functions=dict(config.functions()),
            settings=config.plain(),
            inputs=inputs,
            in_channels=in_channels,
            out_channels=None if outs is None else [out.name for out in outs],
            err_channel=err,
            stats_channel=stats,
        )

    def _module(self, name: str, place: Place, node: Node) -> str | None:
        chosen = node.child("module")
        if chosen is not None:
            if not isinstance(chosen.value, str):
                self._refuse(chosen.place, f"stage {name!r}: module must be a text")
                return None
            if chosen.value not in STAGES:
                self._refuse(
                    chosen.place,
                    f"stage {name!r}: there is no module {chosen.value!r}{instead_of(chosen.value)}",
                )
                return None
            return chosen.value
        if name in STAGES:
            return name
        config = node.child("config")
        if config is not None and config.child("cron") is not None:
            return "scheduler"
        self._refuse(
            place, f"stage {name!r} has no module, and there is none of its name{instead_of(name)}"
        )
        return None

    def _names(self, stage: str, node: Node, key: str) -> list[Named] | None:
        found = node.child(key)
        if found is None or found.value is None:
            return None
        if not isinstance(found.value, list):
            self._refuse(found.place, f"stage {stage!r}: {key} must be a list of names")
            return None
        names = []
        for item in found.value:
            if isinstance(item.value, str):
                names.append(Named(item.value, item.place))
            else:
                self._refuse(item.place, f"stage {stage!r}: {key} must be names")
        return names

    def _name_at(self, stage: str, node: Node, key: str, default: str) -> str:
        found = node.child(key)
        if found is None:
            return default
        if not isinstance(found.value, str):
            self._refuse(found.place, f"stage {stage!r}: {key} must be a name")
            return default
        return found.value


def _text(path: Path, shown: str) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise DocumentError([Fault(Place(shown, line, column), "this is no UTF-8 text")]) from None
