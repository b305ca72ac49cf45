"""Addresses and keys of services: what they may say, and that no message repeats them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from runner.config import load_settings
from runner.errors import ConfigError
from runner.service_settings import without_password

if TYPE_CHECKING:
    from pathlib import Path

KEY = base64.b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(bytes(32)).decode()
CREDENTIALS = "-----BEGIN NATS USER JWT-----\nabc\n------END NATS USER JWT------\n"
POSTGRES = {"POSTGRES_HOST": "db", "POSTGRES_USER": "me", "POSTGRES_DB": "shop"}


def test_without_them_there_is_no_service(tmp_path: Path) -> None:
    settings = load_settings({}, tmp_path)
    assert settings.database_url == ""
    assert settings.nats_servers == ()
    assert settings.nats_credentials == ""
    assert settings.secrets_keys == ()


def test_a_database_by_its_url_or_by_its_parts(tmp_path: Path) -> None:
    """The URL wins; parts may hold any character."""
    url = "postgresql://me:secret@db:5433/shop"
    assert load_settings({"DATABASE_URL": url, **POSTGRES}, tmp_path).database_url == url
    assert load_settings(POSTGRES, tmp_path).database_url == "postgresql://me@db:5432/shop"
    more = POSTGRES | {
        "POSTGRES_PASSWORD": "p@ss/:",
        "POSTGRES_PORT": "6000",
        "POSTGRES_HOST": "::1",
    }
    assert (
        load_settings(more, tmp_path).database_url == "postgresql://me:p%40ss%2F%3A@[::1]:6000/shop"
    )


def test_nats_servers_are_a_list_and_need_no_scheme(tmp_path: Path) -> None:
    settings = load_settings({"NATS_SERVERS": "nats://one:4222, two:4223"}, tmp_path)
    assert settings.nats_servers == ("nats://one:4222", "nats://two:4223")


def test_nats_credentials_come_from_a_file_or_in_base64(tmp_path: Path) -> None:
    """As the README says, and as the original's code did."""
    path = tmp_path / "user.creds"
    path.write_text(CREDENTIALS)
    encoded = base64.b64encode(CREDENTIALS.encode()).decode()
    for given in (str(path), encoded):
        assert load_settings({"NATS_CREDENTIALS": given}, tmp_path).nats_credentials == CREDENTIALS


def test_keys_for_secrets_have_ids_so_that_they_can_change(tmp_path: Path) -> None:
    (one,) = load_settings({"SECRETS_KEY": KEY}, tmp_path).secrets_keys
    assert (one.id, one.material) == (1, bytes(range(32)))
    new, old = load_settings({"SECRETS_KEY": f"2:{OTHER}, 1:{KEY}"}, tmp_path).secrets_keys
    assert (new.id, old.id) == (2, 1)
    assert KEY not in repr(load_settings({"SECRETS_KEY": KEY}, tmp_path))
    assert repr(bytes(range(32))) not in repr(one)


@pytest.mark.parametrize(
    ("variables", "variable", "allowed"),
    [
        ({"DATABASE_URL": "mysql://me:hidden@db"}, "DATABASE_URL", "postgresql://"),
        ({"DATABASE_URL": "postgresql://hidden@db:port/x"}, "DATABASE_URL", "postgresql://"),
        ({"POSTGRES_HOST": "db"}, "POSTGRES_HOST", "POSTGRES_USER and POSTGRES_DB must be set"),
        (POSTGRES | {"POSTGRES_PORT": "x"}, "POSTGRES_HOST", "POSTGRES_PORT must be a port"),
        ({"NATS_SERVERS": "http://hidden@x"}, "NATS_SERVERS", "nats://HOST:PORT"),
        ({"NATS_SERVERS": "nats://hidden@x:y"}, "NATS_SERVERS", "nats://HOST:PORT"),
        ({"NATS_SERVERS": " , "}, "NATS_SERVERS", "nats://HOST:PORT"),
        ({"NATS_CREDENTIALS": "hidden"}, "NATS_CREDENTIALS", "credentials file"),
        ({"SECRETS_KEY": "hidden"}, "SECRETS_KEY", "32 bytes in base64"),
        ({"SECRETS_KEY": base64.b64encode(b"hidden").decode()}, "SECRETS_KEY", "32 bytes"),
        ({"SECRETS_KEY": f"256:{KEY}"}, "SECRETS_KEY", "ids from 0 to 255"),
        ({"SECRETS_KEY": f"{KEY},{OTHER}"}, "SECRETS_KEY", "two keys have the id 1"),
    ],
)
def test_what_can_not_be_used_is_refused_by_name_and_never_repeated(
    tmp_path: Path, variables: dict[str, str], variable: str, allowed: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(variables, tmp_path)
    assert caught.value.variable == variable
    assert allowed in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:hidden@db/shop", "postgresql://me:***@db/shop"),
        ("postgresql://me:hid@den@db/shop", "postgresql://me:***@db/shop"),
        ("nats://hidden@one:4222", "nats://***@one:4222"),
        ("nats://one:4222", "nats://one:4222"),
    ],
)
def test_an_address_can_be_shown_without_its_password(url: str, shown: str) -> None:
    assert without_password(url) == shown
