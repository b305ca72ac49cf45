"""What can go wrong while making what isolates are born with. Nothing of a tenant's is here."""

from pathlib import Path


class BundleMissingError(Exception):
    """The bundle of the Web APIs has not been built, or not all of it."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"the bundle of the Web APIs is missing {path}: run make setup")
        self.path = path


class BundleBuildError(Exception):
    """Node.js could not make the bundle of the Web APIs."""

    def __init__(self, doing: str, output: str) -> None:
        super().__init__(f"{doing} failed:\n{output.strip()}")
        self.doing = doing
        self.output = output


class SnapshotError(Exception):
    """A V8 snapshot that can not be built, or must not be used; the message says which and what to do."""
