"""Which files of a folder a deployment takes along."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from runner.assets.collecting import LocalFile, asset_folder, collect, content_of
from runner.assets.listing import MAX_FILES, check_listing
from runner.assets.paths import is_name
from runner.errors import DeploymentError
from runner.manifest import Manifest, ManifestAssets

if TYPE_CHECKING:
    from pathlib import Path


def test_all_files_but_hidden_ones_are_taken(tmp_path: Path) -> None:
    for name in ("a.txt", "b/c d.txt", "b/ü.txt", ".env", ".git/x", "b/.x", ".well-known/y"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    found = collect(tmp_path)
    assert list(found) == [".well-known/y", "a.txt", "b/c d.txt", "b/ü.txt"]
    assert found["a.txt"] == LocalFile(sha256(b"a.txt").hexdigest(), 5)
    assert b"".join(content_of(tmp_path, "a.txt", 5)) == b"a.txt"


def test_what_is_no_file_of_the_folder_is_refused(tmp_path: Path) -> None:
    outside, folder = tmp_path / "secret", tmp_path / "public"
    outside.write_text("secret")
    folder.mkdir()
    link = folder / "link"
    for target in (outside, folder, tmp_path / "nowhere"):
        link.symlink_to(target)
        with pytest.raises(DeploymentError, match="link is a link"):
            collect(folder)
        link.unlink()
    os.mkfifo(folder / "pipe")
    with pytest.raises(DeploymentError, match="pipe is no regular file"):
        collect(folder)


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.txt")).write_text("")
    with pytest.raises(DeploymentError, match="is no path of a static file"):
        collect(tmp_path)


def test_a_file_that_changes_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("long")
    with pytest.raises(DeploymentError, match="changed while it was read"):
        list(content_of(tmp_path, "a.txt", 5))
    (tmp_path / "a.txt").unlink()
    with pytest.raises(DeploymentError, match="can not read"):
        list(content_of(tmp_path, "a.txt", 5))


def test_the_folder_is_below_the_workers_own(tmp_path: Path) -> None:
    worker = tmp_path / "worker"
    (worker / "public").mkdir(parents=True)
    (worker / "up").symlink_to(tmp_path)
    assert asset_folder(Manifest(), worker) is None
    named = Manifest(assets=ManifestAssets(folder="public"))
    assert asset_folder(named, worker) == (worker / "public").resolve()
    for wrong in (".", "..", "../worker", "/etc", "up", "nowhere", "worker.toml"):
        with pytest.raises(DeploymentError, match="is no folder in"):
            asset_folder(Manifest(assets=ManifestAssets(folder=wrong)), worker)


def test_a_listing_has_a_bound_for_all_it_has() -> None:
    check_listing({f"{number}": 0 for number in range(MAX_FILES)})
    with pytest.raises(DeploymentError, match="at most 5000 static files"):
        check_listing({f"{number}": 0 for number in range(MAX_FILES + 1)})
    check_listing({f"{number}": 8 << 20 for number in range(8)})
    with pytest.raises(DeploymentError, match="at most 64 MiB in all"):
        check_listing({f"{number}": (8 << 20) + 1 for number in range(8)})
    with pytest.raises(DeploymentError, match="a is too large"):
        check_listing({"a": (10 << 20) + 1})


@pytest.mark.parametrize(
    "name", ["", "/a", "a/", "../a", "a/../b", "a//b", ".a", "a/.b", "a\\b", "a\nb", "%2e%2e", "a%2fb", "\udcff"]
)  # fmt: skip
def test_a_name_that_no_path_means_is_none(name: str) -> None:
    assert not is_name(name)


@pytest.mark.parametrize("name", ["a", "a/b.txt", "100%.txt", "ü &?#.txt", ".well-known/a", "a b"])
def test_a_name_that_a_path_means_is_one(name: str) -> None:
    assert is_name(name)
