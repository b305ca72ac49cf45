"""`isolane doctor`: what is wrong here, and what to do about it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Cli, Dev

NAMES = ["permissions", "snapshot", "V8", "sandbox", "PostgreSQL", "NATS", "clock"]


def report(cli: Cli, **environ: str) -> tuple[int, dict[str, Any], str]:
    done = cli("doctor", "--json", **environ)
    return done.returncode, json.loads(done.stdout), done.stdout + done.stderr


def found(content: dict[str, Any], name: str) -> dict[str, Any]:
    finding = next(one for one in content["checks"] if one["name"] == name)
    assert isinstance(finding, dict)
    return finding


def test_a_machine_without_services_is_fine_for_dev(cli: Cli) -> None:
    code, content, _ = report(cli)
    assert code == 0
    assert [one["name"] for one in content["checks"]] == NAMES
    assert "serve needs DATABASE_URL" in found(content, "PostgreSQL")["message"]


def test_a_running_dev_is_what_is_looked_at(cli: Cli, dev: Callable[..., Dev]) -> None:
    cli.write("w/hello.js", "export default { fetch: () => new Response('one') };")
    dev("w").wait_for("NATS ")
    code, content, _ = report(cli)
    assert code == 0
    assert "the schema is up to date" in found(content, "PostgreSQL")["message"]
    assert found(content, "NATS")["message"].startswith("2.")
    assert "with JetStream" in found(content, "NATS")["message"]
    assert "off PostgreSQL's" in found(content, "clock")["message"]


def test_a_database_without_the_schema_is_told_with_what_to_do(
    cli: Cli, services: dict[str, str]
) -> None:
    empty = services["DATABASE_URL"].rpartition("/")[0] + "/template1"
    code, content, _ = report(cli, DATABASE_URL=empty)
    finding = found(content, "PostgreSQL")
    assert (code, finding["ok"], finding["advice"]) == (1, False, "isolane migrate up")


def test_services_that_are_not_there_are_named_without_their_passwords(cli: Cli) -> None:
    code, content, text = report(
        cli,
        DATABASE_URL="postgresql://me:hidden@127.0.0.1:1/shop",
        NATS_SERVERS="nats://hidden@127.0.0.1:1",
    )
    assert code == 1
    for name in ("PostgreSQL", "NATS"):
        assert not found(content, name)["ok"]
        assert "\n" not in found(content, name)["message"]
        assert found(content, name)["advice"]
    assert "hidden" not in text


def test_all_wrong_settings_are_told_at_once(cli: Cli) -> None:
    done = cli("doctor", V8_EXECUTE="WARM", CPU_TIME_LIMIT_MS="x")
    assert done.returncode == 1
    assert "V8_EXECUTE='WARM'" in done.stdout
    assert "CPU_TIME_LIMIT_MS='x'" in done.stdout
    assert "Traceback" not in done.stderr


def test_an_env_file_that_others_can_read_is_wrong(cli: Cli) -> None:
    cli.write(".env", "CONTROL_TOKEN=hidden-hidden-hidden\n").chmod(0o644)
    code, content, text = report(cli)
    finding = found(content, "permissions")
    assert (code, finding["advice"]) == (1, "chmod 600 .env")
    token = next(one for one in content["settings"] if one["variable"] == "CONTROL_TOKEN")
    assert (token["value"], token["source"]) == ("***", ".env")
    assert "hidden" not in text


def test_the_table_is_for_people(cli: Cli) -> None:
    done = cli("doctor", CPU_TIME_LIMIT_MS="50")
    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines[: len(NAMES)]] == NAMES
    assert any(line.split() == ["CPU_TIME_LIMIT_MS", "50", "environment"] for line in lines)


def test_without_the_sandbox_it_says_so(cli: Cli) -> None:
    code, content, _ = report(cli, ISOLATE_SANDBOX="off")
    assert (code, found(content, "sandbox")["ok"]) == (1, False)
