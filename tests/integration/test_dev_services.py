"""The servers that `isolane dev` brings along, or is given."""

from __future__ import annotations

import json
import os
import select
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Cli, Dev

HELLO = "export default { fetch: () => new Response('one') };"
NONE = {"DATABASE_URL": "", "NATS_SERVERS": ""}


def addresses(running: Dev) -> tuple[str, str]:
    postgres = running.wait_for("PostgreSQL ").removeprefix("PostgreSQL ")
    return postgres, running.wait_for("NATS ").removeprefix("NATS ")


def test_its_own_servers_keep_their_state_until_fresh_is_asked_for(
    cli: Cli, dev: Callable[..., Dev]
) -> None:
    """A database with the schema and NATS, under `.isolane`, stopped with it, there again the next time."""
    cli.write("w/hello.js", HELLO)
    state = cli.folder / ".isolane"
    with_data = "SELECT count(*) FROM users WHERE username = 'kept'"
    seen = []
    for arguments in ([], [], ["--fresh"]):
        running = dev("w", *arguments, **NONE)
        assert running.lines[0].startswith("HTTP ")
        postgres, nats = addresses(running)
        assert nats.startswith("nats://")
        said = json.loads((state / "dev.json").read_text())
        assert (said["postgres"], said["nats"]) == (postgres, nats)
        assert state.stat().st_mode & 0o077 == (state / "dev.json").stat().st_mode & 0o077 == 0
        with psycopg.connect(postgres, autocommit=True) as connection:
            row = connection.execute(with_data).fetchone()
            seen.append((row, (state / "secrets.key").read_text()))
            connection.execute(
                "INSERT INTO users (username) VALUES ('kept') ON CONFLICT DO NOTHING"
            )
        assert running.get("hello").text == "one"
        assert running.stop() == 0
        assert not (state / "postgres/data/postmaster.pid").exists()
    (first, key), (second, same), (third, other) = seen
    assert (first, second, third) == ((0,), (1,), (0,))
    assert key == same != other


def test_fresh_does_not_touch_what_another_dev_uses(cli: Cli, dev: Callable[..., Dev]) -> None:
    cli.write("w/hello.js", HELLO)
    running = dev("w", **NONE)
    postgres, _ = addresses(running)
    second = cli("dev", "w", "--port", "0", "--fresh")
    assert second.returncode == 5
    assert "in use by another process" in second.stderr
    assert "Traceback" not in second.stderr
    with psycopg.connect(postgres) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_killing_it_leaves_no_server(cli: Cli, dev: Callable[..., Dev]) -> None:
    cli.write("w/hello.js", HELLO)
    running = dev("w", **NONE)
    addresses(running)
    pidfds = [os.pidfd_open(pid) for pid in _children(running.process.pid)]
    assert len(pidfds) >= 3
    assert running.stop(signal.SIGKILL) == -signal.SIGKILL
    for pidfd in pidfds:
        assert select.select([pidfd], [], [], 20)[0]
        os.close(pidfd)


def test_servers_that_are_given_are_used_and_their_passwords_not_printed(
    cli: Cli, dev: Callable[..., Dev], services: dict[str, str]
) -> None:
    cli.write("w/hello.js", HELLO)
    running = dev("w")
    postgres, nats = addresses(running)
    assert postgres.startswith("postgresql://isolane:***@127.0.0.1:")
    assert nats == f"nats://***@{services['NATS_SERVERS'].rpartition('@')[2]}"
    assert not (cli.folder / ".isolane" / "postgres").exists()
    assert not (cli.folder / ".isolane" / "nats").exists()


def test_a_database_that_is_not_there_ends_it_with_a_sentence(cli: Cli) -> None:
    cli.write("w/hello.js", HELLO)
    done = cli("dev", "w", "--port", "0", DATABASE_URL="postgresql://me:hidden@127.0.0.1:1/shop")
    assert done.returncode == 5
    assert "can not connect to shop at 127.0.0.1:1" in done.stderr
    assert "hidden" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
