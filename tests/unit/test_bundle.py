"""The bundle of the Web APIs: what builds it, and who reads it."""

import subprocess
import sys
from pathlib import Path

import pytest

from snapshot import bundle
from snapshot.bundle import JS, Bundle, build, has_sources, lint, main, read_bundle, run_tests
from snapshot.errors import BundleBuildError, BundleMissingError


@pytest.fixture
def js(tmp_path: Path) -> Path:
    """Make a folder like snapshot/js, with packages installed and small sources of its own."""
    bundle._install_packages(JS)
    for name in ("package.json", "package-lock.json", "build.mjs", "biome.json"):
        (tmp_path / name).write_bytes((JS / name).read_bytes())
    (tmp_path / "node_modules").symlink_to(JS / "node_modules")
    write(
        tmp_path,
        "core.js",
        "import { a } from './part.js';\n\nexport default () => lazy('late')().twice(a);\n",
    )
    write(tmp_path, "part.js", "export const a = 1;\n")
    write(tmp_path, "rare/table.js", "export const size = core.natives.b;\n")
    write(tmp_path, "warm-up.js", "dispatch(0);\n")
    write(tmp_path, "lazy/late.js", "export const twice = n => 2 * n + core.natives.b;\n")
    write(
        tmp_path,
        "tools/hex.js",
        "import * as hex from '@exodus/bytes/hex.js';\n\nexport default hex;\n",
    )
    return tmp_path


def write(js: Path, name: str, source: str) -> None:
    path = js / "src" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)


def evaluate(js: Path, script: str) -> str:
    """Give what a script prints, run by Node.js in the folder."""
    node = bundle._nodejs() / "bin" / "node"
    return subprocess.check_output([node, "-e", script], cwd=js, text=True).strip()


def test_sources_become_scripts_of_three_kinds(js: Path) -> None:
    """The core has its chunks in it, to be evaluated when asked for; rare ones stand alone; the tools are modules."""
    assert has_sources(js)
    assert build(js)

    made = read_bundle(js / "dist")

    assert evaluate(js, f"console.log({made.core}({{ b: 0.5 }})())") == "2.5"
    assert list(made.tools) == ["hex"]
    assert list(made.rare) == ["table"]
    table = made.rare["table"]
    assert evaluate(js, f"console.log(eval({table!r})({{ natives: {{ b: 7 }} }}).size)") == "7"
    assert evaluate(js, f"{made.warm_up.strip()}(console.log)") == "0"


def test_a_second_build_has_nothing_to_do(js: Path) -> None:
    """A build is redone when a source changed, and then drops what has no source any more."""
    build(js)
    assert not build(js)

    (js / "src/lazy/late.js").unlink()

    assert build(js)
    assert "2*n" not in read_bundle(js / "dist").core


def test_builds_give_the_same_bytes(js: Path) -> None:
    """The snapshot's cache may be keyed by the bundle."""
    build(js)
    first = read_bundle(js / "dist")
    (js / "dist/inputs.sha256").unlink()
    build(js)

    assert read_bundle(js / "dist") == first


def test_licences_of_bundled_packages_go_with_the_bundle(js: Path) -> None:
    """Of those that were bundled, not of those that were installed."""
    build(js)

    licences = (js / "dist/LICENSES.txt").read_text()

    assert "@exodus/bytes" in licences
    assert "Permission is hereby granted" in licences
    assert "esbuild" not in licences


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import 'node:fs';\n", "node:fs"),
        ("import 'fs';\n", '"fs"'),
        ("import { nothing } from './part.js';\nnothing();\n", "nothing"),
        ("const = 1;\n", "core.js:1"),
    ],
)
def test_sources_that_cannot_run_in_a_bare_v8_are_refused(
    js: Path, source: str, reason: str
) -> None:
    """A Node.js module, a missing export or a wrong syntax ends the build, and says where."""
    write(js, "core.js", source)

    with pytest.raises(BundleBuildError, match=reason):
        build(js)

    with pytest.raises(BundleMissingError):
        read_bundle(js / "dist")


def test_a_missing_bundle_says_what_to_do(tmp_path: Path) -> None:
    """Whoever starts before `make setup` is told so."""
    with pytest.raises(BundleMissingError, match="run make setup") as caught:
        read_bundle(tmp_path)

    assert caught.value.path == tmp_path / "core.js"


def test_the_linter_finds_and_the_fixer_formats(js: Path) -> None:
    """What can be put right is; what cannot is said."""
    lint(js)
    write(js, "core.js", 'globalThis.a = "1"\n')
    with pytest.raises(BundleBuildError, match=r"core\.js"):
        lint(js)

    lint(js, fix=True)

    lint(js)
    assert (js / "src/core.js").read_text() == "globalThis.a = '1';\n"


def test_packages_are_installed_when_the_lock_changed(
    js: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are those of the lock, and no others."""
    started: list[tuple[str, ...]] = []
    monkeypatch.setattr(bundle, "_node", lambda _js, _doing, *arguments: started.append(arguments))
    (js / "node_modules").unlink()
    (js / "node_modules").mkdir()

    bundle._install_packages(js)
    bundle._install_packages(js)

    assert ["ci" in arguments for arguments in started] == [True]


def test_without_nodejs_the_build_says_what_is_missing(
    js: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what `make setup` installed is used, never a Node.js that happens to be on PATH."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)

    with pytest.raises(BundleBuildError, match="make setup"):
        build(js)


def test_the_command_tells_by_its_exit_code(js: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`make` goes on when the bundle is there and right, and stops when it is not."""
    assert main([], js) == 0
    assert capsys.readouterr().out.startswith("bundle: core 0 kB, table 0 kB, hex ")
    assert main(["--lint"], js) == 0

    write(js, "core.js", "const = 1;\n")
    assert main([], js) == 1
    assert main(["--lint"], js) == 1
    assert "core.js" in capsys.readouterr().err

    (js / "src/core.js").unlink()
    assert main([], js) == 1


def test_building_needs_the_standard_library_alone() -> None:
    """The build hook runs where the dependencies of Isolane are not installed."""
    root = JS.parents[1]
    script = f"import sys; sys.path.insert(0, {str(root)!r}); import snapshot.bundle"

    subprocess.run([sys.executable, "-I", "-S", "-c", script], check=True)


def test_a_bundle_cannot_be_changed() -> None:
    """It is read once and handed around."""
    with pytest.raises(AttributeError):
        Bundle("", "", {}, {}).core = "other"  # type: ignore[misc]


def test_the_sources_own_tests_run_by_node(js: Path) -> None:
    """A failed one raises with its name."""
    folder = js / "test"
    folder.mkdir()
    imports = "import assert from 'node:assert';\nimport { test } from 'node:test';\n"
    (folder / "a.test.mjs").write_text(f"{imports}test('holds', () => assert.ok(1));\n")
    assert main(["--test"], js) == 0

    (folder / "b.test.mjs").write_text(f"{imports}test('does not', () => assert.ok(0));\n")
    with pytest.raises(BundleBuildError, match="does not"):
        run_tests(js)
