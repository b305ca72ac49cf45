"""``isolane dev``, as contract.md has it."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runner.deployments import worker_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Cli, Dev

HELLO = "export default { fetch: () => new Response('one') };"


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_workers_answer_for_name_host_and_id(cli: Cli, dev: Callable[..., Dev]) -> None:
    cli.write("w/hello.js", HELLO)
    running = dev("w")
    assert running.get("hello").text == "one"
    host = f"hello.workers.dev.localhost:{running.port}"
    assert running.http.get("/", headers={"host": host}).text == "one"
    number = worker_id("dev", "hello")
    assert running.http.get("/", headers={"x-worker-id": number}).text == "one"
    assert running.http.get("/", headers={"x-worker-id": "7"}).status_code == 400
    assert running.http.get("/", headers={"x-worker-name": "nobody"}).status_code == 502
    running.wait_for("200 hello")


def test_addresses_come_first_and_state_lies_in_the_folder(
    cli: Cli, dev: Callable[..., Dev]
) -> None:
    cli.write("w/hello.js", HELLO)
    running = dev("w")
    assert running.lines[0].startswith("HTTP http://127.0.0.1:")
    state = json.loads((cli.folder / ".isolane" / "dev.json").read_text())
    assert (state["pid"], state["http"]) == (running.process.pid, running.url)
    assert running.stop() == 0
    assert not (cli.folder / ".isolane" / "dev.json").exists()


def test_a_worker_that_does_not_start_is_told_and_answers_as_its_outcome_says(
    cli: Cli, dev: Callable[..., Dev]
) -> None:
    cli.write("w/hello.js", HELLO)
    cli.write("w/broken.js", "export default {\n  fetch( { }\n};")
    cli.write("w/top.js", "throw new RangeError('at the top');")
    running = dev("w")
    running.wait_for("broken will not start: SyntaxError: ")
    assert "(broken.js:3:1)" in running.wait_for("broken will not start")
    running.wait_for("top will not start: RangeError: at the top")
    answer = running.get("broken", headers={"accept": "application/json"})
    error = answer.json()["error"]
    assert (answer.status_code, error["reason"]) == (500, "InitializationError")
    assert "(broken.js:3:1)" in error["message"]
    assert error["requestId"] == answer.headers["x-request-id"]
    assert running.get("hello").text == "one"


def test_the_env_file_and_the_manifest_fill_env(cli: Cli, dev: Callable[..., Dev]) -> None:
    cli.write("v.env", "A=file\nB=file\n")
    cli.write("w/shop/worker.toml", 'name = "store"\n[vars]\nB = "toml"\nC = "toml"\n')
    cli.write("w/shop/index.js", "export default { fetch: (r, env) => Response.json(env) };")
    running = dev("w", "--env-file", "v.env")
    assert running.get("store").json() == {"A": "file", "B": "file", "C": "toml"}


def test_watching_deploys_what_changes(cli: Cli, dev: Callable[..., Dev]) -> None:
    cli.write(
        "w/hello.js",
        "import { text } from './lib/text.js';\nexport default { fetch: () => new Response(text) };",
    )
    cli.write("w/lib/text.js", "export const text = 'before';")
    running = dev("w", "--watch")
    assert running.get("hello").text == "before"
    cli.write("w/lib/text.js", "export const text = 'afterwards';")
    cli.write("w/new.js", HELLO)
    wait_until(lambda: running.get("hello").text == "afterwards")
    wait_until(lambda: running.get("new").status_code == 200)
    (cli.folder / "w" / "new.js").unlink()
    wait_until(lambda: running.get("new").status_code == 502)
    cli.write("w/hello.js", "export default {")
    running.wait_for("hello will not start: SyntaxError")


def test_console_lines_and_requests_are_printed_harmlessly(
    cli: Cli, dev: Callable[..., Dev]
) -> None:
    cli.write(
        "w/hello.js",
        "export default { fetch() { console.error('a\\u001b[31mb\\nc'); throw new Error('x'); } };",
    )
    running = dev("w")
    assert running.get("hello", "/path?q=1").status_code == 500
    assert running.wait_for("[hello] ERROR a") == "[hello] ERROR a\ufffd[31mb"
    assert running.wait_for("[hello] ERROR c")
    line = running.wait_for("GET http")
    assert "/path?q=1 500 hello " in line
    assert line.endswith(" ms exception: Error: x")


def test_a_body_above_the_limit_is_413(cli: Cli, dev: Callable[..., Dev]) -> None:
    cli.write(
        "w/size.js",
        "export default { async fetch(r) { return new Response((await r.arrayBuffer()).byteLength) } };",
    )
    running = dev("w", MAX_REQUEST_BODY_BYTES="100000")
    assert running.get("size", method="POST", content=b"x" * 100_000).text == "100000"
    assert running.get("size", method="POST", content=b"x" * 100_001).status_code == 413
    assert running.get("size", method="POST", content=iter([b"x" * 60_000] * 2)).status_code == 413
    assert running.get("size", method="POST", content=b"x").text == "1"


def test_error_texts_stay_inside_if_wanted(cli: Cli, dev: Callable[..., Dev]) -> None:
    cli.write("w/bad.js", "export default { fetch() { throw new Error('secret') } };")
    running = dev("w", EXPOSE_ERRORS="false")
    assert "secret" not in running.get("bad").text


def test_at_most_so_many_run_at_once_and_so_many_wait(cli: Cli, dev: Callable[..., Dev]) -> None:
    """One runs, one waits for it, the others are told to come again."""
    cli.write(
        "w/slow.js",
        "export default { async fetch() { await new Promise((r) => setTimeout(r, 1000)); return new Response('ok') } };",
    )
    running = dev("w", MAX_CONCURRENT_PER_WORKER="1", MAX_QUEUED_WORKERS="1")
    with ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(lambda _: running.get("slow"), range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 503, 503]
    assert all(answer.headers["retry-after"] for answer in answers if answer.status_code == 503)


def test_drain_tells_executions_and_ends_them_in_time(cli: Cli, dev: Callable[..., Dev]) -> None:
    cli.write(
        "w/slow.js",
        "export default { async fetch(r, env, ctx) { console.log('begun');"
        " ctx.signal.addEventListener('abort', () => console.log(`told ${ctx.isShuttingDown()}`));"
        " await new Promise((r) => setTimeout(r, 60_000)); } };",
    )
    running = dev("w", DRAIN_TIMEOUT_MS="500")
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: slow.workers.dev.localhost\r\n\r\n")
        running.wait_for("begun")
        running.process.send_signal(signal.SIGTERM)
        running.wait_for("told true")
        answer = client.recv(65536)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"x-termination-reason: Terminated" in answer
    assert running.process.wait(10) == 0


def test_a_second_signal_ends_at_once(cli: Cli, dev: Callable[..., Dev]) -> None:
    cli.write(
        "w/slow.js",
        "export default { async fetch() { console.log('begun'); await new Promise((r) => setTimeout(r, 60_000)); } };",
    )
    running = dev("w")
    hosts = running.hosts()
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: slow.workers.dev.localhost\r\n\r\n")
        running.wait_for("begun")
        running.process.send_signal(signal.SIGINT)
        running.wait_for("draining 1")
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(5) == 128 + signal.SIGINT
    wait_until(lambda: not any(_alive(pid) for pid in hosts))


def test_hosts_have_nothing_of_the_runners_environment(cli: Cli, dev: Callable[..., Dev]) -> None:
    cli.write("w/hello.js", HELLO)
    running = dev("w")
    for pid in running.hosts():
        environ = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"DATABASE_URL" not in environ
        assert b"postgresql://" not in environ
        assert os.getsid(pid) == pid


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["gone"], 2, "there is no gone"),
        (["w", "--port", "70000"], 2, "is no port"),
        (["w", "--env-file", "gone"], 2, "can not read gone"),
        (["w", "--nonsense"], 2, "--nonsense"),
        (["w", "--host", "192.0.2.1"], 1, "give an address of this machine"),
        (["w/hello.js", "x/hello.js", "--port", "0"], 1, "two workers are named 'hello'"),
    ],
)
def test_wrong_calls_say_what_is_wrong(
    cli: Cli, arguments: list[str], code: int, message: str
) -> None:
    cli.write("w/hello.js", HELLO)
    cli.write("x/hello.js", HELLO)
    done = cli("dev", *arguments)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_snapshot_and_version_commands(cli: Cli, tmp_path: Path) -> None:
    made = cli("snapshot", "--output", tmp_path / "x.blob")
    assert made.returncode == 0, made.stderr
    assert ", good" in made.stdout
    assert cli("snapshot", "--output", tmp_path / "x.blob", "--check").returncode == 0
    (tmp_path / "x.blob").write_bytes(b"damaged")
    damaged = cli("snapshot", "--output", tmp_path / "x.blob", "--check")
    assert damaged.returncode == 1
    assert "is no Isolane snapshot" in damaged.stderr
    assert "isolane" in cli("version").stdout
    assert json.loads(cli("version", "--json").stdout)["v8"]
    unknown = cli("serv")
    assert unknown.returncode == 2
    assert "there is no command 'serv'" in unknown.stderr
