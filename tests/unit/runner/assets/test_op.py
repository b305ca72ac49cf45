"""The op over a folder: real files, and a worker that asks for them."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from pools.protocol import Start
from runner.assets.files import open_first
from runner.bindings import AssetsBinding, KvBinding
from runner.deployments import make_deployment, make_limits
from runner.ops.assets import Assets
from tests.unit.runner.fake_lane import OK, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from runner.bindings import Binding
    from runner.s3.bucket import Bucket
    from tests.unit.runner.fake_lane import Bench

HTML = ("content-type", "text/html; charset=utf-8")


def no_bucket(binding: object) -> Bucket:
    raise AssertionError(binding)


class Site:
    """A worker with a folder of files, and one execution of it."""

    def __init__(self, bench: Bench, **bindings: Binding) -> None:
        self.bench = bench
        self.count = 0
        deployment = make_deployment(
            tenant="t",
            worker="w",
            name="w",
            main="index.js",
            files={},
            variables={},
            limits=make_limits(cpu_ms=100, wall_ms=60_000, ops={}),
            bindings=bindings,
        )
        bench.lane.on_start = lambda lane, start: None
        self.execution = bench.start(deployment)

    async def ask(
        self, path: str, *headers: tuple[str, str], method: str = "GET", binding: str = "ASSETS"
    ) -> tuple[Any, bytes]:
        """Return the answer and the body that came with it."""
        await self.bench.lane.wait_for(lambda: self.bench.lane.got(Start))
        self.count = number = self.count + 1
        url = f"https://binding.internal{path}"
        args = {"binding": binding, "method": method, "url": url, "headers": headers}
        self.bench.lane.turn(
            self.execution.number,
            [["op", number, "assets", args | {"redirect": "follow", "body": None}]],
        )
        record, attachments = await self.bench.lane.wait_for(lambda: self._answer(number))
        body = attachments[record[3]] if len(record) > 3 else b""
        return (record[2], body) if record[0] == "resolve" else (record[2]["message"], b"")

    def _answer(self, number: int) -> Any:
        answers = [
            (record, attachments)
            for record, attachments in self.bench.lane.records()
            if record[:2] in (["resolve", number], ["reject", number])
        ]
        return answers[0] if answers else None

    async def read(self) -> bytes:
        """Return all of the last answer's stream, granting as it comes."""
        number = self.count
        self.bench.lane.turn(self.execution.number, [["credit", number, 1 << 18]])
        seen = granted = 0
        while True:
            chunks = [
                attachments[record[2]]
                for record, attachments in self.bench.lane.records()
                if record[:2] == ["chunk", number]
            ]
            size = sum(map(len, chunks))
            if ["end", number] in [record for record, _ in self.bench.lane.records()]:
                return b"".join(chunks)
            if size > granted:
                self.bench.lane.turn(self.execution.number, [["credit", number, size - granted]])
                granted = size
            seen = len(self.bench.lane.messages)
            await self.bench.lane.wait_for(lambda: len(self.bench.lane.messages) > seen)  # noqa: B023


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "public"
    (root / "docs").mkdir(parents=True)
    (root / "index.html").write_text("home")
    (root / "about.html").write_text("about")
    (root / "docs" / "index.html").write_text("docs")
    (root / "empty.txt").write_text("")
    (root / ".env").write_text("hidden")
    (tmp_path / "secret.txt").write_text("secret")
    return root


@pytest.fixture
async def site(folder: Path) -> AsyncIterator[Site]:
    bench = await connect({"assets": Assets(no_bucket)})
    site = Site(
        bench, ASSETS=AssetsBinding(folder=str(folder)), KV=KvBinding("n"), NONE=AssetsBinding()
    )
    yield site
    bench.lane.turn(site.execution.number, outcome=OK)
    await site.execution.ended()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/", b"home"),
        ("/index.html", b"home"),
        ("/about", b"about"),
        ("/about.html?x=1", b"about"),
        ("/docs/", b"docs"),
    ],
)
async def test_pages_are_found_by_their_short_paths(site: Site, path: str, body: bytes) -> None:
    answer, content = await site.ask(path)
    assert content == body
    assert (answer["status"], answer["statusText"], answer["body"]) == (200, "OK", "bytes")
    assert answer["url"] == f"https://binding.internal{path}"
    headers = dict(map(tuple, answer["headers"]))
    assert headers["content-type"] == HTML[1]
    assert headers["content-length"] == str(len(body))
    assert headers["cache-control"] == "public, max-age=0, must-revalidate"


async def test_a_folder_without_its_slash_is_led_to_it(site: Site) -> None:
    answer, _ = await site.ask("/docs?a=b")
    assert (answer["status"], answer["headers"]) == (307, [["location", "/docs/?a=b"]])


async def test_what_is_known_is_not_sent_again(site: Site, folder: Path) -> None:
    answer, _ = await site.ask("/about")
    tag = dict(map(tuple, answer["headers"]))["etag"]
    again, content = await site.ask("/about", ("If-None-Match", tag))
    assert (again["status"], again["body"], content) == (304, None, b"")
    assert ["etag", tag] in again["headers"]
    (folder / "about.html").write_text("changed")
    changed, content = await site.ask("/about", ("If-None-Match", tag))
    assert (changed["status"], content) == (200, b"changed")


async def test_parts_and_heads_are_answered_as_such(site: Site) -> None:
    part, content = await site.ask("/about", ("range", "bytes=1-2"))
    assert (part["status"], part["statusText"], content) == (206, "Partial Content", b"bo")
    assert ["content-range", "bytes 1-2/5"] in part["headers"]
    head, content = await site.ask("/about", ("range", "bytes=1-2"), method="HEAD")
    assert (head["status"], head["body"], content) == (200, None, b"")
    assert ["content-length", "5"] in head["headers"]
    behind, _ = await site.ask("/about", ("range", "bytes=9-"))
    assert behind["status"] == 416
    assert ["content-range", "bytes */5"] in behind["headers"]
    empty, _ = await site.ask("/empty.txt")
    assert (empty["status"], empty["body"]) == (200, None)


async def test_a_large_file_comes_as_a_stream(site: Site, folder: Path) -> None:
    content = os.urandom(700_000)
    (folder / "large.bin").write_bytes(content)
    answer, _ = await site.ask("/large.bin")
    assert answer["body"] == "stream"
    assert await site.read() == content
    part, _ = await site.ask("/large.bin", ("range", "bytes=100000-"))
    assert (part["status"], await site.read()) == (206, content[100_000:])


async def test_a_file_that_becomes_shorter_breaks_its_stream(site: Site, folder: Path) -> None:
    large = folder / "large.bin"
    large.write_bytes(bytes(700_000))
    await site.ask("/large.bin")
    large.write_bytes(b"")
    lane = site.bench.lane
    lane.turn(site.execution.number, [["credit", 1, 1 << 18]])
    failed = await lane.wait_for(lambda: [it for it, _ in lane.records() if it[0] == "fail"])
    assert failed[0][2]["message"] == "the file became shorter while it was read"


@pytest.mark.parametrize("path", ["/nothing", "/docs/nothing/", "/.env", "/..%2fsecret.txt"])
async def test_what_is_not_there_is_not_found(site: Site, path: str) -> None:
    answer, content = await site.ask(path)
    assert (answer["status"], content) == (404, b"Not Found\n")


async def test_nothing_but_plain_files_is_served(site: Site, folder: Path) -> None:
    """Links lead nowhere, not even within the folder, and a pipe does not make the runner wait."""
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    (folder / "inner.html").symlink_to(folder / "about.html")
    (folder / "out").symlink_to(folder.parent)
    os.mkfifo(folder / "pipe")
    unreadable = folder / "folder.html"
    unreadable.mkdir()
    for path in ("/link.txt", "/inner.html", "/out/secret.txt", "/out/", "/pipe", "/folder.html"):
        answer, _ = await site.ask(path)
        assert answer["status"] == 404, path


async def test_other_methods_are_not_allowed(site: Site) -> None:
    answer, _ = await site.ask("/", method="DELETE")
    assert answer["status"] == 405
    assert ["allow", "GET, HEAD"] in answer["headers"]


async def test_only_a_binding_of_files_leads_to_files(site: Site) -> None:
    for name in ("KV", "OTHER"):
        message, _ = await site.ask("/", binding=name)
        assert message == f"this worker has no assets binding {name!r}"
    assert (await site.ask("/", binding="NONE"))[0]["status"] == 404


async def test_a_file_that_nobody_waits_for_is_closed(
    site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, begun, closed = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    go = threading.Event()

    def slow(*args: Any) -> Any:
        loop.call_soon_threadsafe(begun.set)
        go.wait(10)
        file = open_first(*args)
        assert file is not None
        close = file.close

        def shut() -> None:
            close()
            closed.set()

        monkeypatch.setattr(file, "close", shut)
        return file

    monkeypatch.setattr("runner.assets.folder.open_first", slow)
    asking = asyncio.ensure_future(site.ask("/about"))
    await begun.wait()
    op = site.execution._running[1]
    site.bench.lane.turn(site.execution.number, [["abort", 1]])
    await asyncio.wait({op})
    go.set()
    await closed.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
