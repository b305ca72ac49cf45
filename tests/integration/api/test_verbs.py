"""The verbs of the command line over the API of the `dev` that runs in their folder."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tests.integration.conftest import Cli, Dev

HELLO = "export default { fetch: (request, env) => new Response(env.TEXT ?? 'none') };"


@pytest.fixture
def isolane(running: tuple[Cli, Dev], state: dict[str, str]) -> Cli:
    """The command line where a dev runs."""
    return running[0]


def said(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def read(cli: Cli, *arguments: str) -> Any:
    return json.loads(said(cli(*arguments, "--json")))


def fails(done: subprocess.CompletedProcess[str], code: int, *texts: str) -> None:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    for text in texts:
        assert text in done.stderr


def deploy(cli: Cli, name: str, source: str = HELLO, *arguments: str) -> str:
    path = cli.write(f"src/{name}.js", source)
    return said(cli("deploy", name, path, *arguments))


def test_a_deployed_worker_is_served_rolled_back_and_removed(
    isolane: Cli, running: tuple[Cli, Dev]
) -> None:
    dev = running[1]
    one = "export default { fetch: () => new Response('v1') };"
    assert "version 1" in deploy(isolane, "cycle", one)
    assert dev.get("cycle").text == "v1"
    assert "version 2" in deploy(isolane, "cycle", one.replace("v1", "v2"), "--message", "second")
    assert dev.get("cycle").text == "v2"
    versions = read(isolane, "workers", "versions", "cycle")
    assert [(version["version"], version["message"]) for version in versions] == [
        (2, "second"),
        (1, None),
    ]
    assert "would be" in said(isolane("workers", "rollback", "cycle", "--dry-run"))
    assert dev.get("cycle").text == "v2"
    assert "version 1" in said(isolane("workers", "rollback", "cycle"))
    assert dev.get("cycle").text == "v1"
    assert "would be removed: cycle" in said(isolane("workers", "rm", "cycle", "--dry-run"))
    assert dev.get("cycle").text == "v1"
    assert "removed: cycle" in said(isolane("workers", "rm", "cycle"))
    assert dev.get("cycle").status_code == 502
    fails(isolane("workers", "rm", "cycle"), 3, "there is no worker 'cycle'")


def test_a_folder_with_typescript_and_a_manifest_comes_whole(
    isolane: Cli, running: tuple[Cli, Dev]
) -> None:
    isolane.write("shop/worker.toml", 'name = "ignored"\nmain = "main.ts"\n[vars]\nTEXT = "tea"')
    isolane.write("shop/main.ts", "import { say } from './lib/say';\nexport default { fetch: (r: Request, env: any): Response => new Response(say(env.TEXT)) };")  # fmt: skip
    isolane.write("shop/lib/say.ts", "export const say = (text: string): string => `${text}!`;")
    said(isolane("deploy", "shop", isolane.folder / "shop"))
    assert running[1].get("shop").text == "tea!"


def test_what_will_not_start_is_told_when_it_is_deployed(
    isolane: Cli, running: tuple[Cli, Dev]
) -> None:
    for name, source, text in (
        ("typo", "export default {\n  fetch() { return ( }\n}", "2:"),
        ("thrower", "throw new TypeError('at once')", "at once"),
    ):
        done = isolane("deploy", name, isolane.write(f"src/{name}.js", source))
        assert (done.returncode, "version 1" in done.stdout) == (0, True)
        assert "it will not start" in done.stderr
        assert text in done.stderr
        assert running[1].get(name).headers["x-termination-reason"] == "InitializationError"
    done = isolane("deploy", "typo", isolane.write("src/typo.js", HELLO))
    assert done.stderr == ""
    assert running[1].get("typo").text == "none"


def test_another_tenants_worker_is_deployed_and_kept_apart(
    isolane: Cli, running: tuple[Cli, Dev]
) -> None:
    assert "the tenant acme was made" in deploy(isolane, "theirs", HELLO, "--tenant", "acme")
    assert running[1].get("theirs").text == "none"
    assert [one["name"] for one in read(isolane, "workers", "ls", "--tenant", "acme")] == ["theirs"]
    assert "theirs" not in said(isolane("workers", "ls"))
    fails(isolane("workers", "show", "theirs"), 3)
    fails(isolane("deploy", "theirs", isolane.folder / "src/theirs.js"), 4, "taken")
    fails(isolane("workers", "ls", "--tenant", "nobody"), 3, "there is no tenant 'nobody'")


def test_variables_and_secrets_reach_the_worker(isolane: Cli, running: tuple[Cli, Dev]) -> None:
    deploy(isolane, "vars")
    said(isolane("env", "set", "vars", "TEXT", "seen"))
    assert running[1].get("vars").text == "seen"
    done = subprocess.run(
        isolane.command("env", "set", "vars", "TEXT", "--secret"),
        cwd=isolane.folder,
        env=isolane.environ,
        input="hidden\n",
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert "hidden" not in done.stdout
    assert running[1].get("vars").text == "hidden"
    listed = said(isolane("env", "ls", "vars"))
    assert "TEXT" in listed
    assert "***" in listed
    assert "hidden" not in listed + json.dumps(read(isolane, "env", "ls", "vars"))
    said(isolane("env", "rm", "vars", "TEXT"))
    assert running[1].get("vars").text == "none"
    fails(isolane("env", "rm", "vars", "TEXT"), 3, "TEXT")
    fails(isolane("env", "set", "vars", "__proto__", "x"), 2, "__proto__")


def test_a_namespace_is_filled_by_hand_and_read_by_a_worker(
    isolane: Cli, running: tuple[Cli, Dev]
) -> None:
    deploy(isolane, "reader", "export default { fetch: async (r, env) => Response.json(await env.CACHE.get('a/b')) };")  # fmt: skip
    said(isolane("kv", "create", "cache"))
    said(isolane("kv", "set", "cache", "a/b", '{"n": 1}'))
    said(isolane("env", "set", "reader", "CACHE", "cache", "--type", "kv"))
    assert running[1].get("reader").json() == {"n": 1}
    assert said(isolane("kv", "get", "cache", "a/b")) == '{"n":1}\n'
    assert read(isolane, "kv", "ls", "cache") == ["a/b"]
    fails(isolane("kv", "set", "cache", "a", "no json"), 2, "needs its quotes")
    fails(isolane("kv", "get", "cache", "c"), 3, "'c'")
    assert "would be removed" in said(isolane("kv", "rm", "cache", "a/b", "--dry-run"))
    said(isolane("kv", "rm", "cache", "a/b"))
    assert running[1].get("reader").json() is None
    said(isolane("kv", "rm", "cache"))
    fails(isolane("kv", "ls", "cache"), 3)


def test_domains_and_routes_lead_to_workers(isolane: Cli, running: tuple[Cli, Dev]) -> None:
    dev = running[1]
    for name in ("site", "site-api"):
        deploy(isolane, name, f"export default {{ fetch: () => new Response('{name}') }};")
    said(isolane("domains", "set", "Site.Example.com", "site"))
    assert dev.http.get("/", headers={"host": "site.example.com"}).text == "site"
    said(isolane("routes", "set", "site", "/api/*", "site-api", "--priority", "2"))
    assert dev.get("site", "/api/x").text == "site-api"
    assert dev.get("site", "/x").text == "site"
    assert [one["pattern"] for one in read(isolane, "routes", "ls", "site")] == ["/api/*", "/*"]
    assert "site" in said(isolane("routes", "ls"))
    said(isolane("routes", "rm", "site", "/api/*"))
    assert dev.get("site", "/api/x").text == "site"
    fails(isolane("routes", "rm", "site", "/api/*"), 3)
    fails(isolane("routes", "set", "site", "/y"), 2, "WORKER")
    assert "site.example.com" in said(isolane("domains", "ls"))
    said(isolane("domains", "rm", "site.example.com"))
    fails(isolane("domains", "rm", "site.example.com"), 3)


def test_databases_and_storage_are_there_to_be_bound(
    isolane: Cli, running: tuple[Cli, Dev]
) -> None:
    deploy(isolane, "asks", "export default { fetch: async (r, env) => Response.json((await env.DB.query('SELECT 1 + $1::int AS n', [1])).rows) };")  # fmt: skip
    said(isolane("databases", "create", "shop", "--max-rows", "5"))
    said(isolane("env", "set", "asks", "DB", "shop", "--type", "database"))
    assert running[1].get("asks").json() == [{"n": 2}]
    assert [one["maxRows"] for one in read(isolane, "databases", "ls")] == [5]
    assert "with all that is in it" in said(isolane("databases", "rm", "shop", "--dry-run"))
    said(isolane("databases", "rm", "shop"))
    fails(isolane("databases", "rm", "shop"), 3)
    keys = ("--access-key-id", "id", "--secret-access-key", "hidden")
    said(
        isolane("storage", "set", "files", "bucket", *keys, "--endpoint", "https://s3.example.com")
    )
    listed = said(isolane("storage", "ls"))
    assert "s3.example.com" in listed
    assert "hidden" not in listed
    said(isolane("storage", "rm", "files"))
    fails(isolane("storage", "rm", "files"), 3)


def test_tenants_are_made_limited_and_removed(isolane: Cli) -> None:
    said(isolane("tenants", "create", "shortly"))
    assert read(isolane, "tenants", "set", "shortly", "--workers", "1")["limitWorkers"] == 1
    deploy(isolane, "only", HELLO, "--tenant", "shortly")
    fails(
        isolane("deploy", "more", isolane.folder / "src/only.js", "--tenant", "shortly"), 4, "limit"
    )
    assert "shortly" in said(isolane("tenants", "ls"))
    assert "1 workers" in said(isolane("tenants", "rm", "shortly", "--dry-run"))
    said(isolane("tenants", "rm", "shortly"))
    fails(isolane("workers", "ls", "--tenant", "shortly"), 3)


def test_schedules_are_set_and_stopped(isolane: Cli) -> None:
    deploy(isolane, "clock")
    said(isolane("schedules", "set", "clock", "*/5 * * * *"))
    (row,) = [one for one in read(isolane, "schedules", "ls") if one["workerName"] == "clock"]
    assert row["value"] == "*/5 * * * *"
    fails(isolane("schedules", "set", "clock", "now"), 2, "'now'")
    help_text = said(isolane("schedules", "set", "--help"))
    assert "six with the seconds first" in " ".join(help_text.split())
    said(isolane("schedules", "rm", row["id"]))
    fails(isolane("schedules", "rm", row["id"]), 3)


def test_limits_are_set_by_hand(isolane: Cli) -> None:
    deploy(isolane, "limited")
    changed = read(isolane, "workers", "set", "limited", "--cpu-ms", "7", "--public")
    assert (changed["cpuMs"], changed["public"]) == (7, True)
    assert "cpuMs       7" in said(isolane("workers", "show", "limited"))
    assert read(isolane, "workers", "set", "limited", "--cpu-ms", "default")["cpuMs"] is None
    fails(isolane("workers", "set", "limited"), 2, "--help")
    fails(isolane("workers", "set", "limited", "--cpu-ms", "many"), 2, "'many'")


def test_a_wrong_token_an_unreachable_runner_and_none_at_all_are_told_apart(
    cli: Cli, state: dict[str, str]
) -> None:
    where = {"CONTROL_URL": state["control"], "CONTROL_TOKEN": "wrong-wrong-wrong-wrong"}
    arguments = ("workers", "ls", "--tenant", "dev")
    fails(cli(*arguments, **where), 1, "the token is wrong", "CONTROL_TOKEN")
    right = where | {"CONTROL_TOKEN": state["token"]}
    assert "hello" in said(cli(*arguments, **right))
    fails(cli("workers", "ls", **right), 2, "--tenant")
    fails(cli(*arguments, CONTROL_URL="http://127.0.0.1:1"), 5, "can not be reached")
    fails(cli(*arguments), 2, "CONTROL_URL", "isolane dev")
    fails(cli(*arguments, **right | {"CONTROL_URL": state["http"]}), 1, "not the API")


def test_what_can_not_be_deployed_is_told(isolane: Cli) -> None:
    fails(isolane("deploy", "x", "nowhere"), 2, "there is no nowhere")
    isolane.write("empty/readme.txt", "nothing")
    fails(isolane("deploy", "x", "empty"), 1, "index.js")
    wrong = isolane.write("src/wrong.ts", "const a: = 1;")
    fails(isolane("deploy", "x", wrong), 2, "can not be stripped")
    fails(isolane("workers", "show", "x"), 3)


def test_metrics_and_health_are_those_of_the_whole_runner(
    control: httpx.Client, dev: Callable[..., Dev]
) -> None:
    assert control.get("/metrics").text.startswith("#")
    health = control.get("/healthz").json()
    assert health["ok"]
    assert set(health["dependencies"]) == {"PostgreSQL", "NATS"}
