"""Which files below a folder a task may name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from runner.executor.errors import RootError, ScriptRefusedError
from runner.executor.scripts import ScriptFolder

if TYPE_CHECKING:
    from pathlib import Path

CODE = "export default { task() {} }"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "workers").mkdir(parents=True)
    (root / "lib").mkdir()
    (tmp_path / "secret.js").write_text("const secret = 'SECRET'")
    (tmp_path / "rootless").mkdir()
    (tmp_path / "rootless" / "a.js").write_text("SECRET")
    (root / "hello.js").write_text(CODE)
    (root / "a..b.js").write_text(CODE)
    (root / "ünï 😀.js").write_text(CODE)
    (root / "%2e%2e").mkdir()
    (root / "%2e%2e" / "a.js").write_text("encoded")
    (root / "workers" / "task.js").write_text('import { x } from "../lib/x.js"; ' + CODE)
    (root / "lib" / "x.js").write_text("export const x = 1")
    return root


@pytest.mark.parametrize(
    "name",
    ["hello.js", "workers/task.js", "./hello.js", "workers//task.js", "a..b.js", "ünï 😀.js"],
)
def test_paths_below_the_folder_are_scripts(root: Path, name: str) -> None:
    assert (
        "task()"
        in ScriptFolder(root).script(name).source.files[name.replace("//", "/").removeprefix("./")]
    )


def test_imports_are_read_wherever_below_the_folder_they_are(root: Path) -> None:
    source = ScriptFolder(root).script("workers/task.js").source
    assert source.main == "workers/task.js"
    assert set(source.files) == {"workers/task.js", "lib/x.js"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("/etc/passwd", "Absolute paths are not allowed: '/etc/passwd'"),
        ("//etc/passwd", "Absolute paths are not allowed"),
        ("../secret.js", "Path traversal not allowed: '../secret.js'"),
        ("workers/../../secret.js", "Path traversal not allowed"),
        ("workers/../hello.js", "Path traversal not allowed"),
        ("..", "Path traversal not allowed"),
        ("%2e%2e/secret.js", "Script not found: '%2e%2e/secret.js' (No such file or directory)"),
        ("..%2fsecret.js", "Script not found"),
        ("..\\secret.js", "Script not found"),
        ("hello", "Script not found: 'hello'"),
        ("missing.js", "Script not found: 'missing.js' (No such file or directory)"),
        ("hello.js/x", "Script not found"),
        ("workers", "Script not found: 'workers' (it is no file)"),
        (".", "Script"),
        ("", "no path"),
        ("hello.js\0.txt", "no path"),
        ("hello\n.js", "no path"),
        ("\ud800.js", "no path"),
        ("a" * 300 + ".js", "File name too long"),
        ("a/" * 3000, "Script not found"),
    ],
)
def test_what_is_no_script_is_refused_in_words(root: Path, name: str, words: str) -> None:
    with pytest.raises(ScriptRefusedError) as refused:
        ScriptFolder(root).script(name)
    assert words in str(refused.value)
    assert len(str(refused.value)) < 500


def test_no_link_leads_out(root: Path) -> None:
    """Neither a file's nor a folder's, nor one that a script imports; the neighbour whose name begins like the folder's is out."""
    (root / "link.js").symlink_to("../secret.js")
    (root / "out").symlink_to("..")
    (root / "next").symlink_to("../rootless")
    (root / "importing.js").write_text('import "./link.js"; ' + CODE)
    (root / "worker").symlink_to("../rootless")
    folder = ScriptFolder(root)
    for name in ("link.js", "out/secret.js", "next/a.js", "importing.js"):
        with pytest.raises(ScriptRefusedError, match="Script path escapes root directory") as error:
            folder.script(name)
        assert "SECRET" not in str(error.value)
    with pytest.raises(ScriptRefusedError, match="escapes"):
        folder.worker("worker")


def test_links_within_the_folder_are_followed(root: Path) -> None:
    (root / "link.js").symlink_to("hello.js")
    assert ScriptFolder(root).script("link.js").source.files == {"link.js": CODE}


def test_the_folder_itself_may_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to("root")
    assert ScriptFolder(tmp_path / "current").script("hello.js").source.main == "hello.js"


def test_what_nobody_writes_into_is_not_waited_for(root: Path) -> None:
    os.mkfifo(root / "pipe.js")
    with pytest.raises(ScriptRefusedError, match="it is no file"):
        ScriptFolder(root).script("pipe.js")


def test_bytes_that_are_no_text_are_no_script(root: Path) -> None:
    (root / "bytes.js").write_bytes(b"\xff\xfe")
    with pytest.raises(ScriptRefusedError, match="no UTF-8"):
        ScriptFolder(root).script("bytes.js")


def test_a_folder_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(RootError, match=r"Root directory '.*' does not exist or is not accessible"):
        ScriptFolder(tmp_path / "nothing")
    (tmp_path / "file").write_text("")
    with pytest.raises(RootError, match="Not a directory"):
        ScriptFolder(tmp_path / "file")


def test_a_change_of_any_of_its_files_is_seen(root: Path) -> None:
    folder = ScriptFolder(root)
    script = folder.script("workers/task.js")
    assert folder.unchanged(script.stamp)
    (root / "lib" / "x.js").write_text("export const x = 22")
    assert not folder.unchanged(script.stamp)
    (root / "lib" / "x.js").unlink()
    assert not folder.unchanged(script.stamp)


def test_workers_are_found_by_name(root: Path) -> None:
    (root / "shop").mkdir()
    (root / "shop" / "index.js").write_text(CODE)
    folder = ScriptFolder(root)
    assert folder.worker("hello").source.main == "hello.js"
    assert folder.worker("shop").source.main == "index.js"
    for name in ("missing", "../rootless", "workers/task", "", "workers"):
        with pytest.raises(ScriptRefusedError):
            folder.worker(name)
