"""A runner on a restored database: the same workers, their secrets, their tasks, and databases of tenants behind their walls."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg
import pytest

from runner.backup.tenants import remake_databases
from runner.service_settings import SecretKey
from runner.store.pool import connect, open_pool
from runner.store.secrets import SecretBox
from runner.store.tenant_databases import (
    create_platform_database,
    drop_platform_database,
    place_of_password,
    role_of,
)
from tests.integration.backup.keeping import bring_back, keep, query

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path
    from uuid import UUID

    from tests.integration.conftest import Cli, Running

KEY = SecretKey(3, b"k" * 32)
TOKEN = "0123456789abcdef"
SHOP = """export default {
  fetch: (request, env) => new Response(`${env.GREETING} ${env.TOKEN}`),
  tasks: { slow: { maxAttempts: 1, handler: async (payload) => {
    console.log('begun', payload);
    await new Promise(done => setTimeout(done, 600_000 * (payload === 'first')));
    return 'done';
  } } },
};"""


def test_a_runner_goes_on_where_the_backup_was_made(
    cli: Cli, serve: Callable[..., Running], servers: dict[str, str], target: str
) -> None:
    """A task that ran then, with one attempt only, is run by the restored runner."""
    environ = {
        "CONTROL_TOKEN": TOKEN,
        "SECRETS_KEY": f"{KEY.id}:{base64.b64encode(KEY.material).decode()}",
        "WALL_CLOCK_TIMEOUT_MS": "0",
    }
    runner = serve(**environ)
    runner.reach()
    control = {
        "CONTROL_TOKEN": TOKEN,
        "CONTROL_URL": runner.wait_for("Control ").removeprefix("Control "),
    }

    def said(*arguments: str) -> str:
        done = cli(*arguments, **control)
        assert done.returncode == 0, done.stderr
        return done.stdout

    cli.write("shop.js", SHOP)
    said("tenants", "create", "t")
    said("deploy", "shop", "shop.js", "--tenant", "t")
    said("env", "set", "shop", "GREETING", "hello", "--tenant", "t")
    said("env", "set", "shop", "TOKEN", "very-secret", "--secret", "--tenant", "t")
    enqueued = said(
        *("tasks", "enqueue", "shop", "--type", "slow", "--payload", '"first"'),
        *("--timeout", "600000", "--tenant", "t", "--json"),
    )
    runner.wait_for("begun first")
    made = cli("backup", "create", **servers)
    assert made.returncode == 0, made.stderr
    runner.process.kill()
    query(
        servers["DATABASE_URL"],
        "UPDATE tasks SET status = 'cancelled', lease_id = NULL, leased_until = NULL",
    )
    restored = cli("backup", "restore", "latest", "--into", target, **environ)
    assert restored.returncode == 0, restored.stderr
    assert "tasks that ran and are pending again: 1" in restored.stdout
    assert "note" not in restored.stderr
    query(target, "UPDATE tasks SET payload = '\"second\"'")

    after = serve(**environ, DATABASE_URL=target)
    after.reach()
    control["CONTROL_URL"] = after.wait_for("Control ").removeprefix("Control ")
    assert after.get("shop").text == "hello very-secret"
    task = json.loads(enqueued)["task"]["id"]
    shown = said("tasks", "show", task, "--wait", "30", "--tenant", "t", "--json")
    assert json.loads(shown)["status"] == "completed"
    assert json.loads(shown)["attempts"] == 1


@pytest.fixture
async def config(source: str) -> AsyncIterator[UUID]:
    """A tenant's database, with a row in it."""
    box = SecretBox([KEY])
    ((tenant,),) = query(source, "INSERT INTO users (username) VALUES ('u') RETURNING id")
    async with open_pool(source) as pool:
        made = await create_platform_database(pool, source, box, tenant=tenant, name="shop")
        yield made
        query(
            source,
            "INSERT INTO users (id, username) VALUES (%s, 'v') ON CONFLICT DO NOTHING",
            tenant,
        )
        await drop_platform_database(pool, source, tenant=tenant, config=made)


def login(url: str, config: UUID) -> str:
    """Give the URL of a tenant's database for its role, as the restored rows have it."""
    ((tenant, sealed),) = query(
        url, "SELECT user_id, connection_string_sealed FROM database_configs WHERE id = %s", config
    )
    password = SecretBox([KEY]).open(sealed, place_of_password(tenant, config))
    parts = urlsplit(url)
    role = role_of(config)
    return f"postgresql://{role}:{password}@{parts.hostname}:{parts.port}/{role}"


async def test_a_tenants_database_stays_behind_its_walls(
    source: str, target: str, config: UUID, tmp_path: Path
) -> None:
    """On the same server it is the same; and its role does not come in to the restored one."""
    query(login(source, config), "CREATE TABLE orders AS SELECT 1 AS id")
    path = await keep(source, tmp_path)
    await bring_back(path, target)
    async with connect(target) as connection:
        assert await remake_databases(connection, target, SecretBox([KEY])) == ([], {})
    theirs = login(target, config)
    assert query(theirs, "SELECT id FROM orders") == [(1,)]
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(theirs.rpartition("/")[0] + "/" + target.rpartition("/")[2])


async def test_on_another_server_it_is_made_anew_and_empty(
    source: str, target: str, config: UUID, tmp_path: Path
) -> None:
    """With its role, its schema and a new password; without a key to seal that it is left, and said."""
    path = await keep(source, tmp_path)
    await bring_back(path, target)
    role = role_of(config)
    query(target, f"DROP DATABASE {role}")
    async with connect(target) as connection:
        left = await remake_databases(connection, target, SecretBox([KEY]))
        assert left == ([], {role: "its role is there, but it is not"})
        query(target, f"DROP ROLE {role}")
        without = await remake_databases(connection, target, SecretBox([]))
        assert (without.made, "SECRETS_KEY is not set" in without.failed[role]) == ([], True)
        remade = await remake_databases(connection, target, SecretBox([KEY]))
        assert remade == ([role], {})
    query(login(target, config), "CREATE TABLE orders (id int)")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(login(target, config).rpartition("/")[0] + "/" + target.rpartition("/")[2])
