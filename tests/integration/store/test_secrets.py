"""Secrets at rest: what is sealed opens in its own row only, and clear text never lies beside it."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import psycopg
import pytest

from runner.errors import SecretError
from runner.service_settings import SecretKey
from runner.store.sealing import seal_all
from runner.store.secrets import SecretBox, SecretPlace

if TYPE_CHECKING:
    from tests.integration.conftest import Cli
    from tests.integration.store.conftest import Rows

OLD, NEW = SecretKey(1, b"o" * 32), SecretKey(2, b"n" * 32)
PLACE = SecretPlace("environment_values", "value", uuid4(), uuid4())


@pytest.mark.parametrize("secret", ["", "s3cret", "ü\x00\n" * 100, "x" * 100_000])
def test_what_was_sealed_opens_again(secret: str) -> None:
    box = SecretBox([NEW])
    assert box.open(box.seal(secret, PLACE), PLACE) == secret


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    box = SecretBox([NEW])
    assert len({box.seal("same", PLACE) for _ in range(100)}) == 100


def test_every_changed_bit_is_noticed() -> None:
    box = SecretBox([NEW])
    sealed = box.seal("s3cret", PLACE)
    for position in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(SecretError):
            box.open(bytes(changed), PLACE)
    for length in range(len(sealed)):
        with pytest.raises(SecretError):
            box.open(sealed[:length], PLACE)


@pytest.mark.parametrize(
    "elsewhere",
    [
        PLACE._replace(row=uuid4()),
        PLACE._replace(tenant=uuid4()),
        PLACE._replace(column="key"),
        PLACE._replace(table="storage_configs"),
    ],
)
def test_a_sealed_secret_is_worth_nothing_elsewhere(elsewhere: SecretPlace) -> None:
    box = SecretBox([NEW])
    with pytest.raises(SecretError, match=f"row {elsewhere.row}.*moved here from elsewhere"):
        box.open(box.seal("s3cret", PLACE), elsewhere)


def test_keys_can_change() -> None:
    """The new one seals, the old one still opens; without it the message names its id."""
    sealed = SecretBox([OLD]).seal("s3cret", PLACE)
    both = SecretBox([NEW, OLD])
    assert both.open(sealed, PLACE) == "s3cret"
    assert not sealed.startswith(both.current)
    assert both.seal("s3cret", PLACE).startswith(both.current)
    with pytest.raises(SecretError, match="key 1, which SECRETS_KEY does not have"):
        SecretBox([NEW]).open(sealed, PLACE)


async def add_secret(rows: Rows, user: UUID, sealed: bytes | None, value: str = "") -> UUID:
    environment = await rows.environment(user)
    number = await rows.one(
        "INSERT INTO environment_values (environment_id, user_id, key, value, type, sealed)"
        " VALUES (%s, %s, 'TOKEN', %s, 'secret', %s) RETURNING id",
        environment,
        user,
        value,
        sealed,
    )
    assert isinstance(number, UUID)
    return number


async def test_clear_text_never_lies_beside_the_sealed(rows: Rows) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="sealed_or_clear"):
        await add_secret(rows, await rows.user(), b"sealed", "clear")


async def test_tools_that_know_only_clear_text_may_write_a_sealed_secret(rows: Rows) -> None:
    """The row is unsealed by that, and can be sealed again."""
    user = await rows.user()
    number = await add_secret(rows, user, b"sealed")
    change = "UPDATE environment_values SET value = %s WHERE id = %s RETURNING sealed"
    assert await rows.one(change, "", number) == b"sealed"
    assert await rows.one(change, "in clear", number) is None
    seal = "UPDATE environment_values SET value = '', sealed = %s WHERE id = %s RETURNING sealed"
    assert await rows.one(seal, b"again", number) == b"again"


async def test_keys_of_storage_and_addresses_of_databases_are_sealed_alike(rows: Rows) -> None:
    user = await rows.user()
    storage = await rows.one(
        "INSERT INTO storage_configs (user_id, name, bucket, access_key_id, secret_access_key,"
        " secret_access_key_sealed) VALUES (%s, 's', 'b', 'id', '', 'sealed') RETURNING id",
        user,
    )
    clear = "UPDATE storage_configs SET secret_access_key = 'clear' WHERE id = %s RETURNING secret_access_key_sealed"
    assert await rows.one(clear, storage) is None
    database = await rows.one(
        "INSERT INTO database_configs (user_id, name, provider, connection_string,"
        " connection_string_sealed) VALUES (%s, 'd', 'postgres', '', 'sealed') RETURNING id",
        user,
    )
    clear = "UPDATE database_configs SET connection_string = 'clear' WHERE id = %s RETURNING connection_string_sealed"
    assert await rows.one(clear, database) is None


async def test_all_that_lies_in_clear_text_is_sealed(rows: Rows) -> None:
    """Once; and again when there is a newer key."""
    user = await rows.user()
    environment = await rows.environment(user)
    for statement in (
        (
            "INSERT INTO environment_values (environment_id, user_id, key, value, type)"
            " VALUES (%(environment)s, %(user)s, 'S', 'clear', 'secret'), (%(environment)s, %(user)s, 'V', 'clear', 'var')"
        ),
        (
            "INSERT INTO storage_configs (user_id, name, bucket, access_key_id, secret_access_key)"
            " VALUES (%(user)s, 's', 'b', 'i', 'clear')"
        ),
        (
            "INSERT INTO database_configs (user_id, name, provider, connection_string)"
            " VALUES (%(user)s, 'd', 'postgres', 'clear')"
        ),
    ):
        await rows.connection.execute(statement, {"environment": environment, "user": user})
    assert await seal_all(rows.connection, SecretBox([])) == 0
    assert await seal_all(rows.connection, SecretBox([OLD])) == 3
    assert await seal_all(rows.connection, SecretBox([OLD])) == 0
    both = SecretBox([NEW, OLD])
    assert await seal_all(rows.connection, both) == 3
    assert await seal_all(rows.connection, both) == 0
    cursor = await rows.connection.execute(
        "SELECT 'environment_values', 'value', user_id, id, sealed FROM environment_values WHERE value = ''"
        " UNION ALL SELECT 'storage_configs', 'secret_access_key', user_id, id, secret_access_key_sealed"
        " FROM storage_configs WHERE secret_access_key = ''"
        " UNION ALL SELECT 'database_configs', 'connection_string', user_id, id, connection_string_sealed"
        " FROM database_configs WHERE connection_string = ''"
    )
    found = await cursor.fetchall()
    assert [both.open(row[4], SecretPlace(*row[:4])) for row in found] == ["clear"] * 3
    with pytest.raises(SecretError, match="which SECRETS_KEY does not have"):
        await seal_all(rows.connection, SecretBox([SecretKey(3, b"3" * 32)]))


def test_migrate_up_seals_when_there_is_a_key(cli: Cli, own_database: str) -> None:
    with psycopg.connect(own_database) as connection:
        connection.execute(
            "WITH u AS (INSERT INTO users (username) VALUES ('u') RETURNING id)"
            " INSERT INTO storage_configs (user_id, name, bucket, access_key_id, secret_access_key)"
            " SELECT id, 's', 'b', 'i', 'clear' FROM u"
        )
    without = cli("migrate", "up", DATABASE_URL=own_database)
    assert without.stdout == "nothing to do\n"
    key = base64.b64encode(b"k" * 32).decode()
    done = cli("migrate", "up", "--json", DATABASE_URL=own_database, SECRETS_KEY=key)
    assert json.loads(done.stdout) == {"applied": [], "dryRun": False, "sealed": 1}
    again = cli("migrate", "up", DATABASE_URL=own_database, SECRETS_KEY=key)
    assert again.stdout == "nothing to do\n"
