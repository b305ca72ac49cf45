"""``rename``: emits events whose fields have other names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from runner.pipelines.stage import Stage, StageConfig
from runner.pipelines.stages.fields import object_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.pipelines.stage import Emit, Event


class RenameConfig(StageConfig, frozen=True, kw_only=True):
    fields: Annotated[dict[str, str], msgspec.Meta(min_length=1)]
    """The new name of each old one."""

    def __post_init__(self) -> None:
        seen: dict[str, str] = {}
        for old, new in self.fields.items():
            if new in seen:
                raise ValueError(f"fields: {seen[new]!r} and {old!r} both become {new!r}")
            seen[new] = old


class Rename(Stage[RenameConfig]):
    """All at once, so that names can be exchanged; a field that had the new name is gone."""

    Config = RenameConfig

    async def on_event(self, event: Event, emit: Emit) -> None:
        await emit(rename(object_of(event), self.config.fields))


def rename(event: dict[str, Event], names: Mapping[str, str]) -> dict[str, Event]:
    """Return a new event whose fields are in the order of the old one's."""
    taken = {new for old, new in names.items() if old in event}
    return {
        names.get(name, name): value
        for name, value in event.items()
        if name in names or name not in taken
    }
