"""``worker.toml``: what a worker is and wants, as its author writes it down.

Must not know how any of it is provided.
"""

from __future__ import annotations

from typing import Any

import msgspec


class ManifestLimits(msgspec.Struct, frozen=True):
    """``[limits]``; what is not set is the runner's default."""

    cpu_ms: int | None = None
    wall_ms: int | None = None


class ManifestBinding(msgspec.Struct, frozen=True):
    """``[[kv]]``, ``[[storage]]``, ``[[databases]]``, ``[[services]]``: ``binding`` is the name in ``env``, ``name`` what it leads to."""

    binding: str
    name: str = ""
    """By default the same."""

    @property
    def target(self) -> str:
        return self.name or self.binding


class ManifestCron(msgspec.Struct, frozen=True):
    """``[[crons]]``."""

    cron: str


class ManifestRoute(msgspec.Struct, frozen=True):
    """``[[routes]]``: a ``domain`` of one's own, or a ``pattern`` of a ``project`` (by default that of the worker's name)."""

    domain: str = ""
    project: str = ""
    pattern: str = ""
    priority: int = 0


class ManifestAssets(msgspec.Struct, frozen=True):
    """``[assets]``: static files, in a ``folder`` beside the manifest or in a ``storage``; of both, ``dev`` takes the folder, ``deploy`` the storage."""

    binding: str = "ASSETS"
    folder: str = ""
    storage: str = ""


class Manifest(msgspec.Struct, frozen=True):
    """The file. Tables that are not known here are ignored."""

    name: str = ""
    main: str = ""
    compatibility_date: Any = None
    public: bool | None = None
    context_reuse: str = ""
    vars: dict[str, Any] = {}
    limits: ManifestLimits = ManifestLimits()
    kv: list[ManifestBinding] = []
    storage: list[ManifestBinding] = []
    databases: list[ManifestBinding] = []
    services: list[ManifestBinding] = []
    tasks: list[ManifestBinding] = []
    """``name`` is the worker that executes them, by default the one whose manifest it is."""
    crons: list[ManifestCron] = []
    routes: list[ManifestRoute] = []
    assets: ManifestAssets | None = None


def text_of(value: Any) -> str:
    """Return a variable's text: what TOML has beside text is written as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
