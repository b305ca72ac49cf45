"""The settings: defaults, sources, and refusals that name variable, value and what is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pools.protocol import Mode
from runner.config import Address, load_settings, parse_address
from runner.env_file import EnvFileError, parse_env
from runner.errors import ConfigError
from runner.ops.limits import OpLimit

if TYPE_CHECKING:
    from pathlib import Path


def test_without_any_variable_the_defaults_of_the_contract_hold(tmp_path: Path) -> None:
    settings = load_settings({}, tmp_path)
    assert settings.mode is Mode.PINNED
    assert settings.hosts == settings.lanes
    assert settings.max_queued == settings.lanes * 10
    assert (settings.cpu_time_limit_ms, settings.wall_clock_timeout_ms) == (100, 64_000)
    assert settings.http_addr == Address("0.0.0.0", 8080)
    assert settings.max_request_body_bytes == 10 << 20
    assert settings.op_limits["fetch"] == OpLimit(50, 6)
    assert settings.worker_domains == ("workers.rocks",)


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("V8_EXECUTE", "oneshot", "mode", Mode.ONESHOT),
        ("WORKER_POOL_SIZE", "7", "lanes", 7),
        ("MAX_QUEUED_WORKERS", "3", "max_queued", 3),
        ("WORKER_WAIT_TIMEOUT_MS", "0", "worker_wait_timeout_ms", 0),
        ("ISOLATE_POOL_SIZE", "5", "isolate_pool_size", 5),
        ("ISOLATE_QUEUE_SIZE", "1", "isolate_queue_size", 1),
        ("ISOLATE_QUEUE_TIMEOUT_MS", "9", "isolate_queue_timeout_ms", 9),
        ("MAX_ISOLATES_PER_TENANT", "2", "max_isolates_per_tenant", 2),
        ("MAX_CONCURRENT_PER_WORKER", "4", "max_concurrent_per_worker", 4),
        ("MAX_CONCURRENT_PER_TENANT", "5", "max_concurrent_per_tenant", 5),
        ("ISOLATE_HEAP_MAX_MB", "128", "heap_max_mb", 128),
        ("CPU_TIME_LIMIT_MS", "0", "cpu_time_limit_ms", 0),
        ("WALL_CLOCK_TIMEOUT_MS", "250", "wall_clock_timeout_ms", 250),
        ("CONTEXT_REUSE", "Warm", "context_reuse", "warm"),
        ("V8_FLAGS", "--no-opt", "v8_flags", "--no-opt"),
        ("V8_JITLESS", "TRUE", "v8_jitless", True),
        ("ISOLATE_SANDBOX", "required", "sandbox", "required"),
        ("DB_POOL_WORKER_SIZE", "4", "database_sessions", 4),
        ("HTTP_ADDR", "[::1]:81", "http_addr", Address("::1", 81)),
        ("CONTROL_ADDR", "[::1]:82", "control_addr", Address("::1", 82)),
        ("CONTROL_TOKEN", "0123456789abcdef", "control_token", "0123456789abcdef"),
        ("CONTROL_URL", "https://runner:9/", "control_url", "https://runner:9"),
        ("HTTP_POOL_MAX_IDLE_PER_HOST", "3", "http_pool_max_idle_per_host", 3),
        ("WORKER_DOMAINS", "A.example, .b.example", "worker_domains", ("a.example", "b.example")),
        ("TRUSTED_PROXIES", "10.0.0.0/8,loopback", "trusted_proxies", ("10.0.0.0/8", "loopback")),
        ("FETCH_ALLOW_PRIVATE_NETWORK", "true", "fetch_allow_private_network", True),
        ("FETCH_ALLOW_PRIVATE_NETWORK", "10.1.0.0/16", "fetch_allowed_networks", ("10.1.0.0/16",)),
        ("MAX_REQUEST_BODY_BYTES", "1000", "max_request_body_bytes", 1000),
        ("DRAIN_TIMEOUT_MS", "5", "drain_timeout_ms", 5),
        ("EXPOSE_ERRORS", "false", "expose_errors", False),
        ("SNAPSHOT_CACHE_MAX", "1", "code_cache_entries", 1),
        ("CODE_CACHE_MAX_BYTES", "2", "code_cache_bytes", 2),
        ("LOG_RETENTION_DAYS", "30", "log_retention_days", 30),
        ("LOG_RETENTION_LINES", "0", "log_retention_lines", 0),
        ("LOG_LEVEL", "DEBUG", "log_level", "debug"),
        ("LOG_FORMAT", "json", "log_format", "json"),
        ("NO_COLOR", "1", "no_colour", True),
    ],
)
def test_each_variable_sets_its_field(
    tmp_path: Path, variable: str, value: str, field: str, expected: object
) -> None:
    assert getattr(load_settings({variable: value}, tmp_path), field) == expected


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("V8_EXECUTE", "WARM", "PINNED, POOLED or ONESHOT"),
        ("WORKER_POOL_SIZE", "0", "1 to 1024"),
        ("CPU_TIME_LIMIT_MS", "-1", "0 or more"),
        ("CPU_TIME_LIMIT_MS", "1.5", "whole number"),
        ("HTTP_ADDR", "localhost", "HOST:PORT"),
        ("HTTP_ADDR", "x:99999", "65535"),
        ("CONTROL_ADDR", "9420x", "HOST:PORT"),
        ("CONTROL_URL", "runner:9420", "http://HOST:PORT"),
        ("CONTROL_URL", "http://me:secret@runner", "http://HOST:PORT"),
        ("TRUSTED_PROXIES", "example.com", "'example.com' is none"),
        ("FETCH_ALLOW_PRIVATE_NETWORK", "maybe", "true, false"),
        ("LIMIT_FETCH", "many", "TOTAL/AT_ONCE"),
        ("EXPOSE_ERRORS", "ja", "true or false"),
        ("ISOLATE_HEAP_INITIAL_MB", "60", "ISOLATE_HEAP_MAX_MB (50)"),
    ],
)
def test_a_wrong_value_is_refused_by_name(
    tmp_path: Path, variable: str, value: str, allowed: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({variable: value}, tmp_path)
    assert caught.value.variable == variable
    assert caught.value.value == value
    assert allowed in str(caught.value)


def test_more_hosts_than_lanes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ISOLATE_HOSTS"):
        load_settings({"WORKER_POOL_SIZE": "2", "ISOLATE_HOSTS": "3"}, tmp_path)


def test_pooled_lanes_share_one_host(tmp_path: Path) -> None:
    settings = load_settings({"V8_EXECUTE": "pooled", "WORKER_POOL_SIZE": "4"}, tmp_path)
    assert (settings.lanes, settings.hosts) == (4, 1)


def test_the_process_wins_over_the_file_and_the_file_over_a_commands_defaults(
    tmp_path: Path,
) -> None:
    (tmp_path / ".env").write_text("CPU_TIME_LIMIT_MS=1\nLIMIT_FETCH=7\n")
    environ = {"CPU_TIME_LIMIT_MS": "2"}
    defaults = {"LIMIT_FETCH": "9/9", "DRAIN_TIMEOUT_MS": "3"}
    settings = load_settings(environ, tmp_path, defaults)
    assert settings.cpu_time_limit_ms == 2
    assert settings.op_limits["fetch"] == OpLimit(7, 0)
    assert settings.drain_timeout_ms == 3


def test_hosts_get_nothing_of_the_environment_but_what_measuring_needs(tmp_path: Path) -> None:
    environ = {"DATABASE_URL": "postgresql://secret", "COVERAGE_RUN": "1", "PATH": "/bin"}
    settings = load_settings(environ, tmp_path)
    assert settings.host_environ == {"TZ": "UTC", "LC_ALL": "C.UTF-8", "COVERAGE_RUN": "1"}


@pytest.mark.parametrize(
    ("text", "address"),
    [("8080", ("0.0.0.0", 8080)), (":1", ("0.0.0.0", 1)), ("h:2", ("h", 2)), ("[::]:3", ("::", 3))],
)
def test_addresses_may_be_written_in_short(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


def test_an_ipv6_address_shows_its_brackets() -> None:
    assert str(Address("::1", 80)) == "[::1]:80"


def test_env_files_have_quotes_comments_and_escapes() -> None:
    text = """
    # a comment
    A=1 # behind a value
    export B = "two\\nlines \\"quoted\\"" # note
    C='as $it # is'
    D=http://host/#fragment
    E=
    """
    assert parse_env(text, "x") == {
        "A": "1",
        "B": 'two\nlines "quoted"',
        "C": "as $it # is",
        "D": "http://host/#fragment",
        "E": "",
    }


def test_a_line_that_is_no_assignment_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\nnonsense\n")
    with pytest.raises(EnvFileError, match=r"\.env:2"):
        load_settings({}, tmp_path)
