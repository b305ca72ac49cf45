"""``isolane listen``: tasks over core NATS."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest

from runner.nats.connection import open_bus
from tests.integration.nats.server import NatsServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runner.nats.connection import Bus
    from tests.integration.conftest import Cli, Running


async def ask(bus: Bus, subject: str, message: Any, timeout_s: float = 10) -> Any:
    data = message if isinstance(message, bytes) else json.dumps(message).encode()
    return json.loads((await bus.client.request(subject, data, timeout=timeout_s)).data)


@pytest.fixture
def listen(start: Callable[..., Running], nats_url: str, root: Path) -> Callable[..., Running]:
    def listen(subject: str, *arguments: Any, **environ: str) -> Running:
        return start(
            "listen", "--nats", nats_url, "--subject", subject, "--root", root, *arguments, **environ
        )  # fmt: skip

    return listen


CASES: list[tuple[Any, Any]] = [
    ({"script": "hello.js", "payload": {"name": "world"}, "timeout": 5000}, {"success": True, "data": {"hello": "world"}}),
    ({"script": "workers/process.js", "payload": {"data": [1, 2, 3]}}, {"success": True, "data": 6}),
    ({"script": "workers/task.js", "payload": 21}, {"success": True, "data": 42}),
    ({"script": "typed.ts", "payload": {"n": 1}}, {"success": True, "data": 2}),
    ({"worker": "hello", "payload": {"name": "w"}}, {"success": True, "data": {"hello": "w"}}),
    ({"script": "event.js", "payload": [1]}, {"success": True, "data": {"id": "string", "attempt": 1, "payload": [1], "time": None}}),
    ({"script": "own.js", "payload": {"success": True, "data": 1, "more": 2}}, {"success": True, "data": 1, "more": 2}),
    ({"script": "own.js", "payload": {"success": False, "error": "no"}}, {"success": False, "error": "no"}),
    ({"script": "own.js", "payload": {"success": "yes"}}, {"success": True, "data": {"success": "yes"}}),
    ({"script": "own.js"}, {"success": True, "data": None}),
    ({"script": "own.js", "payload": "😀"}, {"success": True, "data": "😀"}),
    (b'{"script":"own.js","payload":"\\ud800"}', {"success": True, "data": "\ufffd"}),
    ({"script": "nothing.js"}, {"success": True}),
    ({"script": "throws.js"}, {"success": False, "error": "TypeError: thrown"}),
    ({"script": "loop.js", "timeout": 100}, ""),
    ({"script": "slow.js", "payload": 60000, "timeout": 50}, {"success": False, "error": "Task timeout after 50ms"}),
    ({"script": "broken.js"}, "SyntaxError"),
    ({"script": "none.js"}, "no task handler"),
    ({"script": "circle.js"}, "can not be expressed as JSON"),
    ({"script": "big.js", "payload": 2 << 20}, "a NATS message may have"),
    ({"script": "../secret.js"}, "Path traversal not allowed: '../secret.js'"),
    ({"script": "/etc/passwd"}, "Absolute paths are not allowed: '/etc/passwd'"),
    ({"script": "missing.js"}, "Script not found: 'missing.js'"),
    ({"script": "hello.js\x00"}, "no path"),
    ({"script": "x" * 2000}, "the message is no task"),
    ({"worker": "nobody"}, "there is no worker 'nobody'"),
    ({"script": ""}, "the message is no task"),
    ({"script": 7}, "the message is no task"),
    ({"script": "hello.js", "timeout": 0}, "the message is no task"),
    ({"script": "hello.js", "timeout": "soon"}, "the message is no task"),
    ({"script": "hello.js", "worker": "hello"}, "either a `script` or a `worker`"),
    ({}, "either a `script` or a `worker`"),
    ([], "the message is no task"),
    (b"", "the message is no JSON"),
    (b"not json", "the message is no JSON"),
    (b"\xff\xfe", "the message is no JSON"),
    (b'{"script":"own.js","payload":{}', "the message is no JSON"),
    (b"[" * 100_000, "the message is no"),
    (b'{"script":"own.js","payload":' + b"[" * 100_000 + b"]" * 100_000 + b"}", ""),
]  # fmt: skip


async def test_every_message_gets_its_answer(listen: Callable[..., Running], nats_url: str) -> None:
    listen("tasks.answers", "--timeout", "20000", "--quiet")
    async with open_bus([nats_url]) as bus:
        for message, expected in CASES:
            answer = await ask(bus, "tasks.answers", message)
            if isinstance(expected, str):
                assert answer["success"] is False, message
                assert expected in answer["error"], (message, answer)
            else:
                assert answer == expected, message


async def test_several_run_at_once_and_console_lines_go_to_stderr(
    listen: Callable[..., Running], nats_url: str
) -> None:
    """Two that take half a second each are over in less than one."""
    running = listen("tasks.many", "--concurrency", "2")
    async with open_bus([nats_url]) as bus:
        inbox = bus.client.new_inbox()
        answers = await bus.client.subscribe(inbox)
        await bus.publish(
            "tasks.many", b'{"script":"slow.js","payload":60000,"timeout":2000}', reply=inbox
        )
        await bus.publish("tasks.many", b'{"script":"slow.js","payload":1}', reply=inbox)
        first = await answers.next_msg(10)
        assert json.loads(first.data)["success"] is True
        second = await answers.next_msg(10)
        assert json.loads(second.data)["success"] is False
        assert running.wait_for("[INFO] slow.js: slow begins")


async def test_quiet_keeps_the_console_away(listen: Callable[..., Running], nats_url: str) -> None:
    running = listen("tasks.quiet", "--quiet")
    async with open_bus([nats_url]) as bus:
        assert (await ask(bus, "tasks.quiet", {"script": "noise.js"}))["data"] == 1
    assert running.stop() == 0
    assert not any("NOISE" in line for line in running.lines)


async def test_without_a_group_each_executor_runs_a_task_and_with_one_one_does(
    listen: Callable[..., Running], nats_url: str
) -> None:
    listen("tasks.all")
    listen("tasks.all")
    listen("tasks.group", "--queue-group", "g")
    listen("tasks.group", "--queue-group", "g")
    async with open_bus([nats_url]) as bus:
        inbox = bus.client.new_inbox()
        answers = await bus.client.subscribe(inbox)
        await bus.publish("tasks.all", b'{"script":"noise.js"}', reply=inbox)
        for _ in range(2):
            assert json.loads((await answers.next_msg(10)).data)["success"]
        for _ in range(10):
            await bus.publish("tasks.group", b'{"script":"noise.js"}', reply=inbox)
        for _ in range(10):
            await answers.next_msg(10)
        # An eleventh would have come before the answer to what is asked last.
        answer = await ask(bus, "tasks.group", {"script": "own.js", "payload": "last"})
        assert answer["data"] == "last"
        assert answers.pending_msgs == 0


async def test_a_message_that_nobody_waits_for_is_run(
    listen: Callable[..., Running], nats_url: str
) -> None:
    running = listen("tasks.alone")
    async with open_bus([nats_url]) as bus:
        await bus.publish("tasks.alone", b"rubbish")
        await bus.publish("tasks.alone", b'{"script":"noise.js"}')
    running.wait_for("NOISE")


async def test_a_changed_script_is_read_again(
    listen: Callable[..., Running], nats_url: str, cli: Cli
) -> None:
    listen("tasks.changed")
    async with open_bus([nats_url]) as bus:
        assert (await ask(bus, "tasks.changed", {"script": "own.js", "payload": 1}))["data"] == 1
        cli.write("root/own.js", "export default { task: () => 'changed' }")
        assert (await ask(bus, "tasks.changed", {"script": "own.js"}))["data"] == "changed"


async def test_shutdown_answers_whoever_waits(
    listen: Callable[..., Running], nats_url: str
) -> None:
    """What can finish does, what can not is told, and so is what has not begun."""
    running = listen("tasks.end", "--concurrency", "2", DRAIN_TIMEOUT_MS="1500")
    async with open_bus([nats_url]) as bus:
        inbox = bus.client.new_inbox()
        answers = await bus.client.subscribe(inbox)
        for ms in (700, 60_000, 60_000, 60_000):
            text = json.dumps({"script": "slow.js", "payload": ms}).encode()
            await bus.publish("tasks.end", text, reply=inbox)
        await bus.flush()
        running.wait_for("slow begins")
        running.process.send_signal(signal.SIGTERM)
        said = [json.loads((await answers.next_msg(10)).data) for _ in range(4)]
    assert said[0] == {"success": True, "data": True}
    assert said[1:] == 3 * [{"success": False, "error": "the executor is shutting down"}]
    assert running.process.wait(20) == 0


async def test_it_comes_back_when_nats_does(
    start: Callable[..., Running], root: Path, tmp_path: Path
) -> None:
    async with NatsServer(tmp_path) as server:
        running = start("listen", "--nats", server.url, "--root", root)
        await server.stop()
        running.wait_for("the connection is lost")
        await server.start()
        running.wait_for("connected again")
        async with open_bus([server.url]) as bus:
            assert (await ask(bus, "tasks", {"script": "own.js", "payload": 1}))["data"] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--root", "nothing"), "Root directory 'nothing' does not exist or is not accessible"),
        (("--nats", "ftp://x"), "--nats"),
        (("--subject", "a b"), "no subject"),
        (("--timeout", "0"), "--timeout"),
        (("--concurrency", "-1"), "--concurrency"),
    ],
)
def test_wrong_options_are_refused_by_name(
    cli: Cli, arguments: tuple[str, ...], words: str
) -> None:
    done = cli("listen", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
