"""Databases that the platform gives tenants: each a database of its own on our server, with a login role of its own.

The wall between tenants, and between them and us, is PostgreSQL's (docs/decisions/011): the role may connect to its
database alone, owns nothing outside, and is a member of nothing. Must not know bindings or executions.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from runner.errors import ConflictError, RefusedError
from runner.store.named_queries import load_queries
from runner.store.pool import connect
from runner.store.secrets import SecretBox, SecretPlace

if TYPE_CHECKING:
    from runner.store.pool import Connection, Pool

_PREFIX: Final = "isolane_t_"
_CONNECTIONS: Final = 20
"""Of a role, over all runners."""


def place_of_password(tenant: UUID, config: UUID) -> SecretPlace:
    """Return where the role's password is sealed: where a tenant's own server has its connection string."""
    return SecretPlace("database_configs", "connection_string", tenant, config)


def role_of(config: UUID | str) -> str:
    """Return the name of a config's role, and of its database."""
    return f"{_PREFIX}{UUID(str(config)).hex}"


def schema_of(config: UUID) -> str:
    return f"t_{config.hex}"


async def create_platform_database(
    pool: Pool,
    url: str,
    box: SecretBox,
    *,
    tenant: UUID,
    name: str,
    description: str = "",
    max_rows: int = 1000,
    timeout_s: int = 30,
) -> UUID:
    """Make a database for a tenant, with its config; return the config's id. How many a tenant may have is not asked here.

    ``url`` is that of the pool. All is made, or nothing that leads anywhere.

    Raises
    ------
    ConflictError
        The tenant has a database of this name.
    RefusedError
        Our role may not make databases and roles, or the server does not keep tenants out of our database.
    psycopg.Error
        The server failed.

    """
    maker = _Maker(uuid4(), url)
    async with pool.connection() as connection:
        try:
            password = await maker.make(connection)
            await maker.insert(
                connection,
                {
                    "id": maker.id,
                    "tenant": tenant,
                    "name": name,
                    "description": description or None,
                    "schema": maker.schema,
                    "sealed": box.seal(password, place_of_password(tenant, maker.id)),
                    "max_rows": max_rows,
                    "timeout_s": timeout_s,
                },
            )
        except errors.UniqueViolation as error:
            await maker.unmake(connection)
            raise ConflictError(f"the tenant has a database {name[:64]!r} already") from error
        except errors.InsufficientPrivilege as error:
            await maker.unmake(connection)
            raise RefusedError(
                "databases for tenants need a role with CREATEDB and CREATEROLE in DATABASE_URL: "
                f"{error.diag.message_primary}"
            ) from error
        except BaseException:
            await maker.unmake(connection)
            raise
    return maker.id


async def drop_platform_database(pool: Pool, url: str, *, tenant: UUID, config: UUID) -> bool:
    """Delete a tenant's database with all that is in it; false when it has no such one."""
    maker = _Maker(config, url)
    async with pool.connection() as connection:
        cursor = await connection.execute(
            maker.queries["forget_platform_database"], {"id": config, "tenant": tenant}
        )
        if await cursor.fetchone() is None:
            return False
        await maker.unmake(connection)
    return True


async def remake_platform_database(
    connection: Connection, url: str, box: SecretBox, *, tenant: UUID, config: UUID
) -> bytes:
    """Make role and database of a config that is there, on a server that has neither; return the new password, sealed.

    Raises
    ------
    RefusedError
        The server does not keep tenants out of our database.
    SecretError
        There is no key to seal with.
    psycopg.Error
        The server failed, or our role may not.

    """
    box.seal("", place_of_password(tenant, config))
    maker = _Maker(config, url)
    try:
        password = await maker.make(connection)
    except BaseException:
        await maker.unmake(connection)
        raise
    return box.seal(password, place_of_password(tenant, config))


class TenantRoles:
    """What a runner does to tenants' roles while it serves them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = load_queries("tenant_databases")

    async def end_session(self, config: str, pid: int) -> None:
        """End a session that does not heed a cancel, if it is still the config's."""
        values = {"pid": pid, "role": role_of(config)}
        async with self._pool.connection() as connection:
            await connection.execute(self._queries["end_session"], values)

    async def restore_password(self, config: str, password: str) -> None:
        """Give a role its password back: a session may change the one of its own role."""
        async with self._pool.connection() as connection:
            await _execute(
                connection,
                self._queries["reset_password"],
                role=sql.Identifier(role_of(config)),
                verifier=_verifier(connection, role_of(config), password),
            )


class _Maker:
    """Makes one database, or what there is of it undone."""

    def __init__(self, config: UUID, url: str) -> None:
        self.id = config
        self.schema = schema_of(config)
        self.queries = load_queries("tenant_databases")
        self._url = url
        self._role = role_of(config)
        self._names = {
            "role": sql.Identifier(self._role),
            "database": sql.Identifier(self._role),
            "schema": sql.Identifier(self.schema),
        }

    async def make(self, connection: Connection) -> str:
        """Make role, database and schema; return the role's password."""
        password = secrets.token_urlsafe(32)
        await self._do(
            connection,
            "create_role",
            connections=sql.Literal(_CONNECTIONS),
            verifier=_verifier(connection, self._role, password),
        )
        await self._keep_out(connection)
        await self._do(connection, "create_database")
        await self._do(connection, "close_database")
        async with connect(make_conninfo(self._url, dbname=self._role)) as inside:
            await self._do(inside, "drop_public")
            await self._do(inside, "create_schema")
            await self._do(inside, "open_schema")
            await self._do(inside, "set_path")
        await self._do(connection, "open_database")
        return password

    async def _keep_out(self, connection: Connection) -> None:
        """See to it that the role can not come in to our database, and that we can end its sessions."""
        ours = sql.Identifier(
            str(conninfo_to_dict(self._url).get("dbname") or connection.info.dbname)
        )
        await self._do(connection, "close_ours", database=ours)
        cursor = await connection.execute(self.queries["role_state"], {"role": self._role})
        row = await cursor.fetchone()
        assert row is not None
        connects, member, superuser = row
        if connects or member:
            raise RefusedError(
                "databases for tenants need our own database closed to others, and its owner alone can do that:"
                f" REVOKE CONNECT ON DATABASE {ours.as_string()} FROM PUBLIC"
            )
        await self._do(connection, "bound_role" if superuser else "own_role")

    async def insert(self, connection: Connection, values: dict[str, Any]) -> None:
        await connection.execute(self.queries["add_platform_database"], values)

    async def unmake(self, connection: Connection) -> None:
        with suppress(psycopg.Error):
            await self._do(connection, "drop_database")
            await self._do(connection, "drop_role")

    async def _do(self, connection: Connection, name: str, **parts: sql.Composable) -> None:
        await _execute(connection, self.queries[name], **{**self._names, **parts})


async def _execute(connection: Connection, statement: str, **parts: sql.Composable) -> None:
    await connection.execute(sql.SQL(statement).format(**parts))


def _verifier(connection: Connection, role: str, password: str) -> sql.Literal:
    """Return what the server keeps of a password, so that the password itself is in no log."""
    made = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    return sql.Literal(made.decode())
