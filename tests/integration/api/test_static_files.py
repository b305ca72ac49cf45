"""Static files that `isolane deploy` brings along, from the folder to the browser."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    import httpx

    from tests.integration.conftest import Cli, Dev

CODE = "export default { fetch: (request, env) => env.ASSETS.fetch(request) };"
MANIFEST = '[assets]\nfolder = "public"\n'


@pytest.fixture
def isolane(running: tuple[Cli, Dev], state: dict[str, str]) -> Cli:
    """The command line where a dev runs."""
    return running[0]


@pytest.fixture
def dev(running: tuple[Cli, Dev]) -> Dev:
    return running[1]


def site(cli: Cli, name: str, manifest: str = MANIFEST, **files: str) -> Path:
    """Write a worker with static files; ``_`` in a name is its dot."""
    cli.write(f"src/{name}/worker.toml", manifest)
    cli.write(f"src/{name}/index.js", CODE)
    for file, content in files.items():
        cli.write(f"src/{name}/public/{file.replace('_', '.')}", content)
    return cli.folder / "src" / name


def done(answer: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    assert answer.returncode == 0, answer.stderr
    return answer


def refused(answer: subprocess.CompletedProcess[str], *texts: str) -> None:
    assert answer.returncode == 1, answer.stderr
    assert "Traceback" not in answer.stderr
    for text in texts:
        assert text in answer.stderr


def test_a_deployed_worker_has_its_files(isolane: Cli, dev: Dev) -> None:
    folder = site(isolane, "page", index_html="<h1>page</h1>", _hidden="no")
    large = os.urandom(700_000)
    (folder / "public" / "large.bin").write_bytes(large)
    isolane.write("src/page/public/app.js", "not( a module")
    isolane.write("src/page/public/.well-known/a.txt", "known")
    answer = done(isolane("deploy", "page", folder))
    assert "4 of 4 static files were uploaded" in answer.stderr
    assert "version 1" in answer.stdout
    page = dev.get("page")
    assert (page.status_code, page.text) == (200, "<h1>page</h1>")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    again = dev.get("page", headers={"if-none-match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    part = dev.get("page", headers={"range": "bytes=1-2"})
    assert (part.status_code, part.text) == (206, "h1")
    head = dev.get("page", method="HEAD")
    assert (head.status_code, head.headers["content-length"]) == (200, "13")
    assert dev.get("page", "/large.bin").content == large
    assert dev.get("page", "/app.js").headers["content-type"] == "text/javascript; charset=utf-8"
    assert dev.get("page", "/.well-known/a.txt").text == "known"
    for path in ("/.hidden", "/..%2findex.js", "/%2e%2e/worker.toml", "/index.js", "/nothing"):
        assert dev.get("page", path).status_code == 404, path
    assert dev.get("page", method="DELETE").status_code == 405


def test_only_what_is_new_is_uploaded(isolane: Cli) -> None:
    folder = site(isolane, "news", a_txt="the same", b_txt="old", c_txt="the same")
    assert "2 of 3 static" in done(isolane("deploy", "news", folder)).stderr
    site(isolane, "news", b_txt="new")
    assert "1 of 3 static" in done(isolane("deploy", "news", folder)).stderr
    again = done(isolane("deploy", "news", folder))
    assert "uploaded" not in again.stderr
    assert "version 2 now, which has these very files" in again.stdout


def test_a_version_that_is_served_again_has_its_own_files(isolane: Cli, dev: Dev) -> None:
    folder = site(isolane, "back", index_html="one", only_txt="in one")
    done(isolane("deploy", "back", folder))
    (folder / "public" / "only.txt").unlink()
    site(isolane, "back", index_html="two")
    done(isolane("deploy", "back", folder))
    second = dev.get("back")
    assert (second.text, dev.get("back", "/only.txt").status_code) == ("two", 404)
    done(isolane("workers", "rollback", "back"))
    first = dev.get("back", headers={"if-none-match": second.headers["etag"]})
    assert (first.status_code, first.text) == (200, "one")
    assert dev.get("back", "/only.txt").text == "in one"


def test_a_version_without_files_has_no_binding_and_one_by_hand_wins(
    isolane: Cli, dev: Dev
) -> None:
    folder = site(isolane, "bare", '[assets]\nbinding = "FILES"\nfolder = "public"\n', a_txt="a")
    isolane.write(
        "src/bare/index.js",
        "export default { fetch: (request, env) => Response.json([typeof env.FILES, Object.keys(env)]) };",
    )
    done(isolane("deploy", "bare", folder))
    assert dev.get("bare").json() == ["object", ["FILES"]]
    isolane.write("src/bare/worker.toml", "")
    done(isolane("deploy", "bare", folder))
    assert dev.get("bare").json() == ["undefined", []]
    done(isolane("workers", "rollback", "bare"))
    done(isolane("env", "set", "bare", "FILES", "by hand"))
    assert dev.get("bare").json() == ["string", ["FILES"]]


def test_what_no_deployment_may_have_is_refused_before_anything_is_sent(isolane: Cli) -> None:
    large = site(isolane, "large")
    isolane.write("src/large/public/a.txt", "a")
    with (large / "public" / "film.mp4").open("wb") as film:
        film.truncate((10 << 20) + 1)
    refused(isolane("deploy", "large", large), "film.mp4 is too large", "10 MiB")
    (large / "public" / "film.mp4").unlink()
    for number in range(7):
        with (large / "public" / f"{number}.bin").open("wb") as part:
            part.truncate(10 << 20)
    refused(isolane("deploy", "large", large), "at most 64 MiB in all")
    linked = site(isolane, "linked", a_txt="a")
    (linked / "public" / "out.txt").symlink_to("/etc/hostname")
    refused(isolane("deploy", "linked", linked), "out.txt is a link")
    (linked / "public" / "out.txt").unlink()
    (linked / "public" / "up").symlink_to(linked, target_is_directory=True)
    refused(isolane("deploy", "linked", linked), "up is a link")
    outside = site(isolane, "outside", '[assets]\nfolder = "../linked"\n')
    refused(isolane("deploy", "outside", outside), "is no folder in")
    odd = site(isolane, "odd", **{"a\\b": "odd"})
    refused(isolane("deploy", "odd", odd), "is no path of a static file")
    for name in ("large", "linked", "outside", "odd"):
        assert isolane("workers", "show", name).returncode == 3


def version(**more: Any) -> dict[str, Any]:
    return {"main": "index.js", "files": {"index.js": CODE}, **more}


def digest_of(content: bytes) -> str:
    return sha256(content).hexdigest()


def test_the_api_takes_no_list_that_the_command_line_would_not_make(control: httpx.Client) -> None:
    base = "/v1/tenants/lists"
    digest = digest_of(b"x")
    for path in ("../x", "/x", "a/../x", "a//x", ".env", "a/.git/x", "a\\x", "a\0x", "", "x/"):
        file = {"hash": digest, "size": 1}
        told = control.post(f"{base}/assets", json={"files": {path: file}})
        assert told.status_code == 400, path
        assert "is no path of a static file" in told.json()["error"]["message"]
    too_many = {f"{number}.txt": {"hash": digest, "size": 1} for number in range(5001)}
    told = control.post(f"{base}/assets", json={"files": too_many})
    assert "at most 5000" in told.json()["error"]["message"]
    assert control.get(f"{base}").status_code == 404
    told = control.post(f"{base}/assets", json={"files": {"x": {"hash": digest, "size": 1}}})
    assert told.json() == {"missing": [digest], "newTenant": True}
    unknown = control.post(f"{base}/workers/lists/versions", json=version(assets={"x": digest}))
    assert unknown.status_code == 400
    assert "'x' was not uploaded" in unknown.json()["error"]["message"]
    octets = {"content-type": "application/octet-stream"}
    put = control.put(f"{base}/assets/{digest}", content=b"x", headers=octets)
    assert put.status_code == 204
    told = control.post(f"{base}/workers/lists/versions", json=version(assets={"../x": digest}))
    assert told.status_code == 400
    assert control.get(f"{base}/workers/lists").status_code == 404


def test_an_upload_is_what_it_says(control: httpx.Client) -> None:
    base = "/v1/tenants/uploads"
    octets = {"content-type": "application/octet-stream"}
    content = os.urandom(300_000)
    digest = digest_of(content)
    assert (
        control.put(f"{base}/assets/{digest}", content=content, headers=octets).status_code == 404
    )
    announced = {"files": {"x": {"hash": digest, "size": len(content)}}}
    control.post(f"{base}/assets", json=announced)
    other = control.put(f"{base}/assets/{digest}", content=content[:-1], headers=octets)
    assert (other.status_code, "another SHA-256" in other.text) == (400, True)
    assert control.put(f"{base}/assets/{digest}", content=content).status_code == 415
    assert control.put(f"{base}/assets/xyz", content=content, headers=octets).status_code == 400
    large = control.put(f"{base}/assets/{digest}", content=bytes((10 << 20) + 1), headers=octets)
    assert large.status_code == 413
    assert control.post(f"{base}/assets", json=announced).json()["missing"] == [digest]
    for _ in range(2):
        put = control.put(f"{base}/assets/{digest}", content=content, headers=octets)
        assert put.status_code == 204
    assert control.post(f"{base}/assets", json=announced).json()["missing"] == []


def test_tenants_have_nothing_of_each_other(isolane: Cli, dev: Dev, control: httpx.Client) -> None:
    folder = site(isolane, "mine", a_txt="the same for both")
    first = done(isolane("deploy", "mine", folder, "--tenant", "one"))
    assert "the tenant one was made" in first.stdout
    assert "1 of 1 static" in first.stderr
    # That somebody else has these bytes is not told, and helps nobody.
    assert "1 of 1 static" in done(isolane("deploy", "theirs", folder, "--tenant", "two")).stderr
    done(isolane("workers", "rm", "mine", "--tenant", "one"))
    assert dev.get("mine", "/a.txt").status_code == 502
    assert dev.get("theirs", "/a.txt").text == "the same for both"
    digest = digest_of(b"only two has it")
    site(isolane, "mine", b_txt="only two has it")
    done(isolane("deploy", "theirs", folder, "--tenant", "two"))
    stolen = control.post(
        "/v1/tenants/one/workers/thief/versions", json=version(assets={"x": digest})
    )
    assert (stolen.status_code, "was not uploaded" in stolen.text) == (400, True)


def test_a_projects_route_to_files_serves_those_of_its_main_worker(isolane: Cli, dev: Dev) -> None:
    folder = site(isolane, "album")
    isolane.write("src/album/index.js", "export default { fetch: () => new Response('worker') };")
    isolane.write("src/album/public/img/logo.svg", "<svg/>")
    done(isolane("deploy", "album", folder))
    done(isolane("routes", "set", "album", "/img/**", "--files"))
    logo = dev.get("album", "/img/logo.svg")
    assert (logo.text, logo.headers["content-type"]) == ("<svg/>", "image/svg+xml; charset=utf-8")
    assert dev.get("album", "/img/none.svg").status_code == 404
    assert dev.get("album", "/else").text == "worker"
    isolane.write("src/album/public/img/logo.svg", "<svg>2</svg>")
    done(isolane("deploy", "album", folder))
    assert dev.get("album", "/img/logo.svg").text == "<svg>2</svg>"
