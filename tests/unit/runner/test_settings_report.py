"""What `isolane doctor` shows of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runner.settings_report import Setting, describe_settings

if TYPE_CHECKING:
    from pathlib import Path


def described(folder: Path, **environ: str) -> dict[str, Setting]:
    return {setting.variable: setting for setting in describe_settings(environ, folder)}


def test_each_setting_says_where_it_came_from(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CPU_TIME_LIMIT_MS=1\nLIMIT_FETCH=7\n")
    settings = described(tmp_path, CPU_TIME_LIMIT_MS="2")
    assert settings["CPU_TIME_LIMIT_MS"] == Setting("CPU_TIME_LIMIT_MS", "2", "environment")
    assert settings["LIMIT_FETCH"] == Setting("LIMIT_FETCH", "7", ".env")
    assert settings["LIMIT_KV"] == Setting("LIMIT_KV", "1000/10", "default")
    assert settings["CONTROL_ADDR"] == Setting("CONTROL_ADDR", "127.0.0.1:9420", "default")
    assert settings["EXPOSE_ERRORS"].value == "true"


def test_wrong_values_are_all_named(tmp_path: Path) -> None:
    settings = described(tmp_path, V8_EXECUTE="WARM", CPU_TIME_LIMIT_MS="x", CONTROL_TOKEN="short")
    assert "PINNED" in settings["V8_EXECUTE"].problem
    assert "whole number" in settings["CPU_TIME_LIMIT_MS"].problem
    assert "16" in settings["CONTROL_TOKEN"].problem
    assert settings["CONTROL_TOKEN"].value == "***"
    assert settings["HTTP_ADDR"].problem == ""


@pytest.mark.parametrize(
    ("variable", "value", "shown"),
    [
        ("DATABASE_URL", "postgresql://me:hidden@db/shop", "postgresql://me:***@db/shop"),
        ("DATABASE_URL", "mysql://me:hidden@db/shop", "***"),
        ("NATS_SERVERS", "hidden@a:4222, nats://b", "nats://***@a:4222,nats://b"),
        ("CONTROL_TOKEN", "hidden-hidden-hidden", "***"),
        ("POSTGRES_PASSWORD", "hidden", "***"),
        ("SECRETS_KEY", "hidden", "***"),
    ],
)
def test_secrets_are_masked(tmp_path: Path, variable: str, value: str, shown: str) -> None:
    settings = described(tmp_path, **{variable: value})
    assert settings[variable].value == shown
    assert not [setting for setting in settings.values() if "hidden" in "".join(setting)]
