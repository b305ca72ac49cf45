"""``isolane dev`` as a user runs it: a process with a folder of workers, spoken to over HTTP."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx


class DevServer:
    """A running ``isolane dev`` and a client for it."""

    def __init__(self, process: subprocess.Popen[str], base: str) -> None:
        self.process = process
        self.base = base
        self.client = httpx.Client(base_url=base, timeout=30, trust_env=False)

    @classmethod
    def start(cls, folder: Path, *arguments: str, **environ: str) -> Self:
        """Start it on a free port, in a folder of its own; its workers are the folder's."""
        command = [sys.executable, "-m", "runner", "dev", str(folder), "--port", "0", *arguments]
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=clean_environ(**environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        seen = []
        for line in process.stdout:
            seen.append(line)
            if line.startswith("HTTP "):
                server = cls(process, line.split()[1])
                server.wait_until_it_answers()
                return server
        process.communicate(timeout=10)
        raise AssertionError("".join(seen))

    def wait_until_it_answers(self) -> None:
        """Return when the index page is served."""
        deadline = time.monotonic() + 10
        while True:
            try:
                self.client.get("/")
            except httpx.TransportError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            else:
                return

    def get(self, worker: str, path: str = "/", **options: Any) -> httpx.Response:
        """Send a request to a worker."""
        headers = {"x-worker-name": worker, **options.pop("headers", {})}
        method = options.pop("method", "GET")
        return self.client.request(method, path, headers=headers, **options)

    def hosts(self) -> list[int]:
        """Return the pids of its isolate hosts."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        children = [pid for task in tasks for pid in (task / "children").read_text().split()]
        # It has servers, too.
        return [
            int(pid)
            for pid in children
            if b"pools.host" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]

    def stop(self) -> tuple[int, str]:
        """Send SIGTERM; return the exit code and what it still printed."""
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=40)
        return self.process.returncode, output


def clean_environ(**environ: str) -> dict[str, str]:
    """Return an environment with none of this machine's settings for Isolane."""
    keep = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("COVERAGE_") or name in ("PATH", "HOME")
    }
    return {**keep, "PYTHONWARNINGS": "error", "FETCH_ALLOW_PRIVATE_NETWORK": "true", **environ}


@contextmanager
def dev_server(folder: Path, *arguments: str, **environ: str) -> Iterator[DevServer]:
    """Run ``isolane dev`` for the duration of a block."""
    server = DevServer.start(folder, *arguments, **environ)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
        else:
            server.client.close()
            server.process.communicate()


def write_workers(folder: Path, workers: dict[str, str]) -> Path:
    """Write each worker's source as NAME.js."""
    for name, source in workers.items():
        (folder / f"{name}.js").write_text(source, encoding="utf-8")
    return folder
