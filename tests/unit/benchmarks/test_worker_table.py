"""From a request to a worker, and from folders to workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.worker_table import WorkerTable
from runner.deployments import worker_id
from runner.errors import DeploymentError, NotResolvedError
from runner.events.fetch import Request
from runner.sources import files_of, find_workers, read_source
from tests.unit.runner.fake_lane import deployment

if TYPE_CHECKING:
    from pathlib import Path

HELLO = deployment("Hello")
API = deployment("api")


def request(host: str = "127.0.0.1", *, worker: str = "", name: str = "") -> Request:
    made = Request("GET", "http", "/")
    made.host, made.worker_id, made.worker_name = host, worker, name
    return made


def table() -> WorkerTable:
    import msgspec

    made = WorkerTable(["workers.test", "w.example"])
    made.put(msgspec.structs.replace(HELLO, worker=worker_id("t", "Hello")))
    made.put(msgspec.structs.replace(API, worker=worker_id("t", "api")))
    return made


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (request(worker=worker_id("t", "api"), name="Hello"), "api"),
        (request(worker=worker_id("t", "api").upper()), "api"),
        (request("hello.workers.test", name="api"), "api"),
        (request("HELLO.Workers.Test:8080"), "Hello"),
        (request("api.w.example."), "api"),
    ],
)
async def test_the_id_comes_before_the_name_before_the_host(made: Request, name: str) -> None:
    assert (await table().resolve(made)).name == name


@pytest.mark.parametrize(
    ("made", "status"),
    [
        (request("hello.workers.test", worker="not-a-uuid"), 400),
        (request("hello.workers.test", worker=worker_id("t", "nobody")), 502),
        (request("hello.workers.test", name="nobody"), 502),
        (request("nobody.workers.test"), 502),
        (request("workers.test"), 502),
        (request("[::1]:80"), 502),
        (request("127.0.0.1"), 502),
    ],
)
async def test_what_names_no_worker_never_falls_through(made: Request, status: int) -> None:
    with pytest.raises(NotResolvedError) as caught:
        await table().resolve(made)
    assert caught.value.status == status


async def test_a_worker_that_is_gone_is_not_found() -> None:
    made = table()
    made.remove("hello")
    made.remove("never was")
    assert [one.name for one in made.deployments] == ["api"]
    with pytest.raises(NotResolvedError):
        await made.resolve(request(name="hello"))


def write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_scripts_and_folders_with_an_entry_are_workers(tmp_path: Path) -> None:
    write(
        tmp_path,
        a_js="",
        b_ts="",
        c__index_js="",
        d__worker_toml='name = "dee"\nmain = "src/x.ts"',
        d__src__x_ts="",
        e__other_js="",
        types_d_ts="",
        readme_md="",
        _hidden_js="",
    )
    (tmp_path / ".hidden.js").write_text("")
    assert list(find_workers([tmp_path])) == ["a", "b", "c", "dee"]
    assert list(find_workers([tmp_path / "c", tmp_path / "a.js"])) == ["c", "a"]


def test_two_workers_of_one_name_are_refused(tmp_path: Path) -> None:
    write(tmp_path, a_js="", a__index_js="")
    with pytest.raises(DeploymentError, match="two workers are named 'a'"):
        find_workers([tmp_path])


@pytest.mark.parametrize(("name", "why"), [("gone", "there is no"), ("x.txt", "neither")])
def test_a_path_that_is_no_worker_is_refused(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "x.txt").write_text("")
    with pytest.raises(DeploymentError, match=why):
        find_workers([tmp_path / name])


def test_a_script_comes_with_what_it_imports(tmp_path: Path) -> None:
    write(
        tmp_path,
        main_js="import './a.js'; export * from \"./lib/b\"; await import('./c.mjs'); import '../out.js'",
        a_js="import x from './d.json' with { type: 'json' }",
        lib__b_ts="import type { T } from './t.js'",
        lib__t_ts="",
        c_mjs="",
        d_json="{}",
        unrelated_js="",
    )
    source = read_source(tmp_path / "main.js")
    assert (source.name, source.main) == ("main", "main.js")
    assert sorted(source.files) == ["a.js", "c.mjs", "d.json", "lib/b.ts", "lib/t.ts", "main.js"]
    assert {path.name for path in files_of(tmp_path / "main.js")} >= {"main.js", "b.ts"}


def test_a_folder_comes_with_all_its_sources(tmp_path: Path) -> None:
    write(
        tmp_path,
        shop__index_ts="",
        shop__locales__de_js="",
        shop__worker_toml='[vars]\nA = "1"\nB = 2\n[limits]\ncpu_ms = 5\n[[kv]]\nbinding = "LATER"',
    )
    foreign = tmp_path / "shop" / "node_modules" / "x"
    foreign.mkdir(parents=True)
    (foreign / "index.js").write_text("")
    source = read_source(tmp_path / "shop")
    assert sorted(source.files) == ["index.ts", "locales/de.js"]
    assert source.manifest.vars == {"A": "1", "B": 2}
    assert source.manifest.limits.cpu_ms == 5
    assert tmp_path / "shop" / "worker.toml" in set(files_of(tmp_path / "shop"))


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"x__worker_toml": "main = 'gone.js'"}, "has no gone.js"),
        ({"x__worker_toml": ""}, "has no index.js"),
        ({"x__worker_toml": "main = 3", "x__index_js": ""}, "worker.toml: "),
        ({"x__worker_toml": "nonsense", "x__index_js": ""}, "worker.toml: "),
        ({"x__worker_toml": "name = 'a b'", "x__index_js": ""}, "is no name for a worker"),
    ],
)
def test_what_can_not_be_read_says_why(tmp_path: Path, files: dict[str, str], why: str) -> None:
    write(tmp_path, **files)
    with pytest.raises(DeploymentError, match=why):
        read_source(tmp_path / "x")


def test_a_script_that_is_no_text_says_so(tmp_path: Path) -> None:
    (tmp_path / "x.js").write_bytes(b"\xff\xfe")
    with pytest.raises(DeploymentError, match=r"x\.js is no UTF-8 text"):
        read_source(tmp_path / "x.js")
