"""Tenant A attacks tenant B through every door there is: requests, bindings, the bus, the API, what clients say."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest

from runner.nats.connection import open_bus
from tests.integration.conftest import Running

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Cli

TOKEN = "0123456789abcdef-token"
SECRET = "the-secret-of-b"
VAULT = f"export default {{ fetch: () => new Response('{SECRET}') }};"
SPY = """
async function tell(work) {
  try { return String(await work()); } catch (error) { return `${error.name}: ${error.message}`; }
}
export default {
  // Asks for whatever it is told to, and tells what came back, with all headers.
  async fetch(request, env) {
    if (request.method === 'GET') return Response.json({ url: request.url, headers: [...request.headers] });
    const { tries = [], ask = '' } = await request.json();
    if (ask) return new Response(await tell(() => probes[ask](env)));
    return Response.json(await Promise.all(tries.map(([url, headers, redirect]) => tell(async () => {
      const answer = await fetch(url, { headers, redirect });
      return `${answer.status} ${await answer.text()}`;
    }))));
  },
};
const probes = {
  names: (env) => Object.keys(env).sort().join(),
  shout: () => { for (const level of ['log', 'error', 'warn', 'debug', 'trace'])
    console[level]('x\\r\\nPUB stolen.console.INFO 1\\r\\nx\\r\\nMSG > 1 1\\r\\n'); return 'done'; },
};
"""


class Two:
    """A runner with the workers of two tenants."""

    def __init__(self, running: Running, url: str) -> None:
        self.running = running
        self.url = url
        running.reach()
        self.control = running.wait_for("Control ").removeprefix("Control ")
        self.ids = dict(self.query("SELECT name, id::text FROM workers"))

    def query(self, statement: str, *values: object) -> list[Any]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def api(self, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"authorization": f"Bearer {TOKEN}"}
        return httpx.request(method, f"{self.control}/v1{path}", json=body, headers=headers)

    def spy(self, *tries: tuple[str, Any] | tuple[str, Any, str]) -> list[str]:
        """Return what A's worker got for each request."""
        answer = self.running.get("spy", method="POST", json={"tries": tries})
        assert answer.status_code == 200, answer.text
        told: list[str] = answer.json()
        return told

    def probe(self, ask: str) -> str:
        return self.running.get("spy", method="POST", json={"ask": ask}).text


@pytest.fixture
def two(serve: Callable[..., Running], servers: dict[str, str]) -> Two:
    url = servers["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        for tenant, name, code in (("a", "spy", SPY), ("b", "vault", VAULT), ("a", "lure", VAULT)):
            source = code if name != "lure" else REDIRECT
            connection.execute(
                "WITH u AS (INSERT INTO users (username) VALUES (%(tenant)s)"
                "           ON CONFLICT (username) DO UPDATE SET username = excluded.username RETURNING id),"
                " e AS (INSERT INTO environments (name, user_id) SELECT %(name)s, id FROM u RETURNING id, user_id),"
                " w AS (INSERT INTO workers (name, user_id, environment_id, current_version)"
                "       SELECT %(name)s, user_id, id, 1 FROM e RETURNING id)"
                " INSERT INTO worker_deployments (worker_id, version, hash, code_type, code)"
                " SELECT id, 1, 'h', 'javascript', convert_to(%(code)s, 'UTF8') FROM w",
                {"tenant": tenant, "name": name, "code": source},
            )
        connection.execute(
            "INSERT INTO kv_configs (user_id, name) SELECT id, 'b-kv' FROM users WHERE username = 'b'"
        )
        connection.execute(
            "INSERT INTO storage_configs (user_id, name, bucket, access_key_id, secret_access_key)"
            " SELECT id, 'b-storage', 'b', 'k', 's' FROM users WHERE username = 'b'"
        )
        connection.execute(
            "INSERT INTO database_configs (user_id, name, provider, connection_string)"
            " SELECT id, 'b-database', 'postgres', 'postgresql://b@127.0.0.1/b' FROM users WHERE username = 'b'"
        )
        connection.execute(
            "INSERT INTO domains (name, user_id, worker_id) SELECT 'b.example.com', user_id, id FROM workers WHERE name = 'vault'"
        )
    return Two(serve(CONTROL_TOKEN=TOKEN), url)


REDIRECT = """export default { fetch: (request) => new Response(null, {
  status: 307, headers: { location: new URL(request.url).searchParams.get('to'), 'x-worker-name': 'vault', 'x-worker-id': 'x' } }) };"""


def test_no_url_and_no_header_of_a_fetch_leads_there(two: Two) -> None:
    """Neither by another spelling of the host, nor by what says which worker is meant, nor by way of a redirect."""
    hosts = (
        "vault.workers.rocks",
        "VAULT.Workers.Rocks",
        "vault.workers.rocks.",
        "vault.workers.rocks:8080",
        "spy@vault.workers.rocks",
        "spy.workers.rocks@vault.workers.rocks",
        "v%61ult.workers.rocks",
        "vault%2eworkers.rocks",
        "vault。workers.rocks",
        "ｖault.workers.rocks",
        "vault.workers.rocks%00.spy.workers.rocks",
        "spy.vault.workers.rocks",
        f"{two.ids['vault']}.workers.rocks",
    )
    told = two.spy(*((f"http://{host}/", {}) for host in hosts))
    told += two.spy(*((f"https://{host}/", {}) for host in hosts))
    own = "http://spy.workers.rocks/"
    names = {
        "x-worker-id": two.ids["vault"],
        "x-worker-name": "vault",
        "X-Worker-Name": "vault",
        "x_worker_name": "vault",
        "x-worker-name ": "vault",
        "x-isolane-hops": "0",
        "x-isolane-tenant": "b",
        "x-isolane-caller": "b",
        "host": "vault.workers.rocks",
        "Host": "vault.workers.rocks",
        "forwarded": "host=vault.workers.rocks",
        "x-forwarded-host": "vault.workers.rocks",
        "x-original-host": "vault.workers.rocks",
        ":authority": "vault.workers.rocks",
        "Fetch-Worker": "vault",
        "Fetch-Url": "http://vault.workers.rocks/",
    }
    told += two.spy(*((own, {name: value}) for name, value in names.items()))
    told += two.spy((own, [["x-worker-name", "spy"], ["X-WORKER-NAME", "vault"]]))
    for target in ("http://vault.workers.rocks/", "//vault.workers.rocks/", "http:vault"):
        told += two.spy((f"http://lure.workers.rocks/?to={target}", {}, "follow"))
    assert not [text for text in told if SECRET in text]
    # Of what the headers said to itself it has seen nothing that only a proxy may say.
    seen = [json.loads(text[4:]) for text in told if text.startswith("200 {")]
    assert len(seen) >= 10
    for request in seen:
        assert request["url"] == own
        said = {name for name, _ in request["headers"]}
        assert not [name for name in said if name.startswith(("x-worker-", "x-isolane-"))]


def test_an_id_in_a_binding_leads_to_nothing_of_another_tenant(two: Two) -> None:
    """Also when it was written past all that guards the table."""
    (targets,) = two.query(
        "SELECT (SELECT id::text FROM workers WHERE name = 'vault'), (SELECT id::text FROM kv_configs),"
        " (SELECT id::text FROM storage_configs), (SELECT id::text FROM database_configs)"
    )
    kinds = ("worker", "kv", "storage", "database")
    with psycopg.connect(two.url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        for kind, target in zip(kinds, targets, strict=True):
            connection.execute(
                "INSERT INTO environment_values (environment_id, user_id, key, value, type)"
                " SELECT environment_id, user_id, %s, %s, %s::enum_binding_type FROM workers WHERE name = 'spy'",
                (f"THEIRS_{kind}", target, kind),
            )
        connection.execute(
            "INSERT INTO environment_values (environment_id, user_id, key, value, type)"
            " SELECT environment_id, user_id, 'ASSETS', %s, 'assets' FROM workers WHERE name = 'spy'",
            (targets[2],),
        )
        connection.execute(
            "INSERT INTO environment_values (environment_id, user_id, key, value, type)"
            " SELECT environment_id, user_id, 'MINE', 'x', 'var' FROM workers WHERE name = 'spy'"
        )
        connection.execute("SET session_replication_role = origin")
        connection.execute("UPDATE workers SET updated_at = now() WHERE name = 'spy'")
    assert two.probe("names") == "MINE"


def test_a_grant_ends_when_it_is_taken_back(two: Two) -> None:
    """A published worker may be bound and called; from the moment on that it is published no more, neither."""
    two.query("UPDATE workers SET public = true WHERE name = 'vault'")
    assert SECRET in two.spy(("http://vault.workers.rocks/", {}))[0]
    two.query("UPDATE workers SET public = false WHERE name = 'vault'")
    while SECRET in two.spy(("http://vault.workers.rocks/", {}))[0]:
        pass
    assert SECRET not in two.spy(("http://vault.workers.rocks/", {}))[0]


def test_the_api_gives_a_tenant_nothing_of_another(two: Two) -> None:
    """Whatever path of A's names something of B's, by name or by id: it is not there, or it is taken."""
    (kv, storage, database, worker) = two.query(
        "SELECT (SELECT id::text FROM kv_configs), (SELECT id::text FROM storage_configs),"
        " (SELECT id::text FROM database_configs), (SELECT id::text FROM workers WHERE name = 'vault')"
    )[0]
    cron = "INSERT INTO crons (worker_id, value) VALUES (%s, '@daily') RETURNING id::text"
    ((schedule,),) = two.query(cron, worker)
    before = two.query("SELECT count(*), max(updated_at) FROM workers WHERE name = 'vault'")
    files = {"main": "index.js", "files": {"index.js": "export default {}"}}
    for who in ("vault", worker):
        at = f"/tenants/a/workers/{who}"
        for method, path, body in (
            ("GET", at, None),
            ("PATCH", at, {"public": True}),
            ("DELETE", at, None),
            ("GET", f"{at}/versions", None),
            ("POST", f"{at}/rollback", {"version": 1}),
            ("GET", f"{at}/env", None),
            ("PUT", f"{at}/env/X", {"value": "1"}),
            ("POST", f"{at}/schedules", {"cron": "@daily"}),
            ("GET", f"{at}/logs", None),
            ("GET", f"{at}/logs/live", None),
        ):
            answer = two.api(method, path, body)
            assert answer.status_code in {404, 409}, (method, path, answer.text)
            assert SECRET not in answer.text
    refused = [two.api("POST", "/tenants/a/workers/vault/versions", files)]
    for name in ("b-kv", kv):
        refused += [
            two.api("GET", f"/tenants/a/kv/{name}/keys"),
            two.api("DELETE", f"/tenants/a/kv/{name}"),
        ]
    for kind, targets in (
        ("kv", ("b-kv", kv)),
        ("storage", ("b-storage", storage)),
        ("database", ("b-database", database)),
        ("worker", ("vault", worker)),
    ):
        for value in targets:
            body = {"value": value, "type": kind}
            refused.append(two.api("PUT", "/tenants/a/workers/spy/env/THEIRS", body))
    refused += [two.api("DELETE", f"/tenants/a/storage/{name}") for name in ("b-storage", storage)]
    refused += [
        two.api("DELETE", f"/tenants/a/databases/{name}") for name in ("b-database", database)
    ]
    refused += [
        two.api("DELETE", f"/tenants/a/schedules/{schedule}"),
        two.api("PUT", "/tenants/a/domains/b.example.com", {"worker": "spy"}),
        two.api("PUT", "/tenants/a/domains/B.example.com", {"worker": "spy"}),
        two.api("DELETE", "/tenants/a/domains/b.example.com"),
        two.api("PUT", "/tenants/a/domains/mine.example.com", {"worker": "vault"}),
        two.api("PUT", "/tenants/a/projects/vault", {}),
    ]
    for answer in refused:
        assert answer.status_code in {400, 404, 405, 409, 415}, (answer.request.url, answer.text)
    assert not [answer for answer in refused if answer.is_success]
    assert two.query("SELECT count(*), max(updated_at) FROM workers WHERE name = 'vault'") == before
    assert len(two.query("SELECT 1 FROM crons")) == 1
    assert "vault" not in two.api("GET", "/tenants/a/workers").text
    assert two.probe("names") == ""


def test_what_a_worker_prints_stays_below_its_own_subject(
    two: Two, servers: dict[str, str]
) -> None:
    """Text is text, whatever protocol it looks like."""

    async def listen() -> set[str]:
        async with open_bus([servers["NATS_SERVERS"]]) as bus:
            heard = await bus.client.subscribe(">")
            await bus.flush()
            assert await asyncio.to_thread(two.probe, "shout") == "done"
            subjects: set[str] = set()
            async with asyncio.timeout(10):
                while len([one for one in subjects if ".console." in one]) < 5:
                    subjects.add((await heard.next_msg(timeout=10)).subject)
            return subjects

    subjects = asyncio.run(listen())
    ours = {
        f"{two.ids['spy']}.console.{level}" for level in ["INFO", "ERROR", "WARN", "DEBUG", "TRACE"]
    }
    assert {subject for subject in subjects if ".console." in subject} == ours
    assert not [subject for subject in subjects if "stolen" in subject]


def test_names_that_the_bus_would_read_as_patterns_name_nobody(
    two: Two, cli: Cli, servers: dict[str, str]
) -> None:
    """Through the gateway, where a name may become a subject."""
    gateway = Running(
        cli,
        *("gateway", "--http-addr", "127.0.0.1:0", "--nats", servers["NATS_SERVERS"]),
        CONTROL_ADDR="127.0.0.1:0",
    )
    try:
        gateway.reach()
        assert gateway.get("vault").text == SECRET
        for name in (
            "*",
            ">",
            "vault.>",
            "$SRV.PING",
            "vault spy",
            "vault\tx",
            "va*lt",
            ".",
            "vault.",
        ):
            answer = gateway.get(name)
            assert answer.status_code in {400, 502}, name
            assert SECRET not in answer.text
        for host in (
            "*.workers.rocks",
            ">.workers.rocks",
            ".workers.rocks",
            "a.vault.workers.rocks",
        ):
            answer = gateway.http.get("/", headers={"host": host})
            assert answer.status_code in {400, 502}, host
    finally:
        gateway.stop()


def raw(port: int, *lines: str) -> str:
    """Return the answer to a request that no client library would send."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        head = "\r\n".join(("GET / HTTP/1.1", *lines, "connection: close", "", ""))
        client.sendall(head.encode("latin-1"))
        answer = b""
        while data := client.recv(65536):
            answer += data
    return answer.decode("latin-1")


def test_who_is_no_proxy_chooses_a_worker_by_its_host_alone(
    serve: Callable[..., Running], two: Two
) -> None:
    """A's site behind A's domain stays A's, however often and in whatever spelling B is named."""
    running = serve(TRUSTED_PROXIES="10.0.0.0/8", CONTROL_TOKEN=TOKEN)
    running.reach()
    spellings = [
        "x-worker-name: vault",
        "X-WORKER-NAME: vault",
        "x_worker_name: vault",
        "X-Worker_Name: vault",
        f"x-worker-id: {two.ids['vault']}",
        f"x_worker_id: {two.ids['vault']}",
        "x-forwarded-host: vault.workers.rocks",
        "forwarded: host=vault.workers.rocks",
        "x-original-host: vault.workers.rocks",
        "x-host: vault.workers.rocks",
    ]
    for lines in ([line] for line in spellings):
        answer = raw(running.port, "host: spy.workers.rocks", *lines)
        assert answer.startswith("HTTP/1.1 200"), lines
        assert SECRET not in answer
        assert '"url":"http://spy.workers.rocks/"' in answer
        shown = json.loads(answer.partition("\r\n\r\n")[2])["headers"]
        assert not [name for name, _ in shown if name.startswith(("x-worker-", "x-isolane-"))]
    assert SECRET not in raw(running.port, "host: spy.workers.rocks", *spellings * 2)


def test_a_request_with_two_hosts_or_two_names_is_not_guessed_at(two: Two) -> None:
    """From a proxy, too: one that judged the first must not have the second served."""
    port = two.running.port
    for lines in (
        ("host: spy.workers.rocks", "host: vault.workers.rocks"),
        ("host: spy.workers.rocks", "x-worker-name: spy", "x-worker-name: vault"),
        (
            "host: spy.workers.rocks",
            f"x-worker-id: {two.ids['spy']}",
            f"x-worker-id: {two.ids['vault']}",
        ),
        ("host: spy.workers.rocks", "x-worker-name: spy, vault"),
        ("host: spy.workers.rocks", "x-worker-name : vault"),
        ("host: spy.workers.rocks", " x-worker-name: vault"),
        ("host: spy.workers.rocks\x00vault.workers.rocks",),
        ("host: vault.workers.rocks/../spy.workers.rocks",),
    ):
        assert SECRET not in raw(port, *lines), lines
