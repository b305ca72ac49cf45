"""Puts the bundle of the Web APIs into every wheel, source distribution and editable install."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BundleBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Builds the bundle with the Node.js of the build's own environment."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build before hatchling collects files; without sources there is nothing to do."""
        sys.path.insert(0, self.root)
        from snapshot import bundle

        if bundle.has_sources(Path(self.root, "snapshot", "js")):
            bundle.build(Path(self.root, "snapshot", "js"))
        else:
            self.app.display_warning("snapshot/js has no sources: no bundle was built")
