"""Our own suites of the web platform, in every pool mode; and the command that runs anybody's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from pools.protocol import Mode
from tests.js.page import HOW, read_counts
from tests.js.runner import SUITES, Platform, find_tests, read_variants

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.js.runner import TestFile

ROOT = Path(__file__).parents[2]
COUNTS = read_counts()
FILES = [test for path in find_tests([SUITES]) for test in read_variants(path)]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=list(Mode))
async def platform(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Platform]:
    environ = {name: text for name, text in os.environ.items() if name.startswith("COVERAGE_")}
    snapshots = tmp_path_factory.mktemp("snapshots")
    async with Platform(request.param, snapshots=snapshots, environ=environ) as running:
        yield running


@pytest.mark.timeout(150)
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("file", [pytest.param(file, id=file.name) for file in FILES])
async def test_suite(platform: Platform, file: TestFile) -> None:
    """Every subtest of the file passes in a real execution, and there are as many as the page says."""
    result = await platform.run(file)
    told = [f"{failure.name}: {failure.message}" for failure in result.failures]
    assert (result.status, result.message, told) == (0, None, [])
    name = f"{file.path.parent.name}/{file.path.name}{file.variant}"
    assert len(result.tests) == COUNTS.get(name), f"docs/web-apis.md says otherwise; run: {HOW}"


def run(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.js.wpt", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "SNAPSHOT_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_tells_what_failed_and_what_broke(tmp_path: Path) -> None:
    """A failing assertion, a script that throws and a rejection are each told by name, and the exit code is 1."""
    (tmp_path / "some.any.js").write_text(
        "// META: script=helper.js\n"
        "test(() => assert_equals(helped(), 1), 'right');\n"
        "test(() => assert_equals(helped(), 2), 'wrong');\n"
        "promise_test(async t => { await promise_rejects_js(t, TypeError, Promise.resolve()) }, 'kept');\n"
        "async_test(t => setTimeout(t.step_func_done(() => assert_true(self === globalThis)), 1), 'later');\n"
    )
    (tmp_path / "helper.js").write_text("function helped() { return 1 }\n")
    (tmp_path / "broken.any.js").write_text("test(() => {}, 'fine');\nnot a script\n")

    done = run(tmp_path, "--json", folder=ROOT / ".isolane")

    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert (told["passed"], told["total"]) == (2, 4)
    assert told["broken"] == [f"{tmp_path / 'broken.any.js'}"]
    failed = {
        test["name"]: test["message"]
        for test in told["files"][f"{tmp_path / 'some.any.js'}"]["tests"]
        if test["status"]
    }
    assert failed["wrong"] == "AssertionError: expected 2, got 1"
    assert "was fulfilled" in failed["kept"]
    assert "SyntaxError" in told["files"][f"{tmp_path / 'broken.any.js'}"]["message"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("nowhere",), "there is no nowhere"), (("docs",), "there is no *.any.js")],
)
def test_wrong_paths_are_refused(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    done = run(*arguments, folder=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr


def test_the_command_runs_variants_imports_and_fixtures(tmp_path: Path) -> None:
    """A file runs once for each variant; worker files import scripts; fixtures come with their headers, ``.sub.`` with the server's name."""
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources" / "testharness.js").write_text(
        (ROOT / "tests/js/harness.js").read_text()
    )
    (tmp_path / "area").mkdir()
    (tmp_path / "area" / "some.any.js").write_text(
        "// META: variant=?a\n// META: variant=?b\n// META: script=/area/host.sub.js\n"
        "promise_test(async () => {\n"
        "  const { headers } = await fetch('fixture.txt');\n"
        "  assert_equals(headers.get('x-y'), 'z');\n"
        "  assert_equals(host, location.host);\n"
        "}, location.search);\n"
    )
    (tmp_path / "area" / "host.sub.js").write_text("const host = '{{host}}:{{ports[http][0]}}';\n")
    (tmp_path / "area" / "fixture.txt").write_text("text")
    (tmp_path / "area" / "fixture.txt.headers").write_text("X-Y: z\n")
    (tmp_path / "area" / "some.worker.js").write_text(
        "importScripts('/resources/testharness.js', 'one.js');\n"
        "test(() => assert_equals(one, two), 'imported');\n"
        "test(() => assert_throws_dom('NetworkError', () => importScripts('/none.js')), 'missing');\n"
        "done();\n"
    )
    (tmp_path / "area" / "one.js").write_text("importScripts('/area/two.js'); var one = 1;\n")
    (tmp_path / "area" / "two.js").write_text("var two = 1;\n")
    (tmp_path / "area" / "lost.any.js").write_text("// META: script=nowhere.js\ntest(() => {});\n")

    done = run(tmp_path / "area", "--json", folder=ROOT / ".isolane")

    told = json.loads(done.stdout)
    found = {
        Path(name).name: [(test["name"], test["status"]) for test in file["tests"]]
        for name, file in told["files"].items()
    }
    assert found == {
        "lost.any.js": [],
        "some.any.js?a": [("?a", 0)],
        "some.any.js?b": [("?b", 0)],
        "some.worker.js": [("imported", 0), ("missing", 0)],
    }
    assert "nowhere.js" in told["files"][f"{tmp_path / 'area/lost.any.js'}"]["message"]
