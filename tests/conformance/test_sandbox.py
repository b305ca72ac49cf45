"""The second wall, tried from inside by a process that has closed it around itself."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pools.errors import SandboxError
from pools.protocol import Mode, Ready
from pools.sandbox import close_files, close_system
from tests.conformance.driver import HostUnderTest

TRIES = textwrap.dedent("""
    import json, os, signal, socket, subprocess, threading
    from pools.sandbox import close_files, close_system
    a, b = socket.socketpair()
    walls = [close_files("required"), close_system("required")]
    results = {}

    def attempt(name, function):
        try:
            function()
            results[name] = "done"
        except OSError as error:
            results[name] = type(error).__name__

    def thread():
        one = threading.Thread(target=lambda: a.send(b"from a thread"))
        one.start()
        one.join()
        b.recv(100)

    attempt("read a file", lambda: open("/etc/passwd").read())
    attempt("write a file", lambda: open("/tmp/isolane-escape", "w").write("x"))
    attempt("list a folder", lambda: os.listdir("/"))
    attempt("read the environment", lambda: open("/proc/self/environ").read())
    attempt("open a socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    attempt("open a unix socket", lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    attempt("fork", lambda: os.fork() or os._exit(0))
    attempt("run a program", lambda: os.execv("/bin/true", ["true"]))
    attempt("signal the parent", lambda: os.kill(os.getppid(), 0))
    attempt("signal everyone", lambda: os.kill(-1, 0))
    attempt("trace", lambda: os.pidfd_open(os.getppid()))
    attempt("use its own socket", thread)
    attempt("signal itself", lambda: os.kill(os.getpid(), 0))
    os.write(1, json.dumps([walls, results]).encode())
    os._exit(0)
""")


def test_what_is_left_to_a_host() -> None:
    """Its own sockets and threads; no file, socket, program, process or signal to others."""
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", TRIES], cwd=root, env={}, capture_output=True, check=False
    )
    assert run.returncode == 0, run.stderr.decode()
    walls, results = json.loads(run.stdout)
    assert walls == ["landlock", "seccomp"]
    allowed = {name for name, result in results.items() if result == "done"}
    assert allowed == {"use its own socket", "signal itself"}
    assert set(results.values()) == {"done", "PermissionError"}


def test_hosts_are_behind_both_walls(blob: bytes) -> None:
    """A host says so, and the kernel confirms it for each of its threads."""
    host = HostUnderTest.spawn(blob, Mode.PINNED, sandbox="required")
    try:
        ready = host.hear()
        assert isinstance(ready, Ready)
        assert ready.sandbox == "landlock+seccomp"
        for task in Path(f"/proc/{host.process.pid}/task").iterdir():
            status = (task / "status").read_text()
            assert "NoNewPrivs:\t1" in status
            assert "Seccomp:\t2" in status
    finally:
        host.close()


def test_it_can_be_switched_off(blob: bytes) -> None:
    """ISOLATE_SANDBOX=off is for machines whose kernel gets in the way."""
    host = HostUnderTest.spawn(blob, Mode.PINNED, sandbox="off")
    ready = host.hear()
    assert isinstance(ready, Ready)
    assert ready.sandbox == "off"
    host.close()


def test_off_does_nothing() -> None:
    """Nothing is closed in the calling process."""
    assert (close_files("off"), close_system("off")) == ("", "")


def test_a_kernel_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """auto goes on without the wall, required says what is missing."""
    monkeypatch.setattr("pools.sandbox._LANDLOCK_CREATE_RULESET", 100_000)
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert (close_files("auto"), close_system("auto")) == ("", "")
    with pytest.raises(SandboxError, match="does not give Landlock"):
        close_files("required")
    with pytest.raises(SandboxError, match="does not give seccomp"):
        close_system("required")
