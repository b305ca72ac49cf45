"""A tenant's own database server: TLS, addresses, and servers that misbehave."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from runner.bindings import DatabaseBinding
from runner.databases.places import Places
from runner.databases.pool import SessionPool
from runner.ops.addresses import AddressPolicy
from runner.ops.database import Database
from runner.ops.registry import Ops
from tests.integration.bindings.asking import Worker, deployment
from tests.integration.bindings.tenant_platform import Platform, resident, settled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def own(url: str, **options: Any) -> DatabaseBinding:
    return DatabaseBinding(id="x", url=url, **options)


async def test_a_tenant_s_own_server_is_used_with_the_same_limits(
    platform: Platform, database: str
) -> None:
    db = platform.worker(own(database, max_rows=2, timeout_s=1))
    assert await db.query("SELECT 1, $1::text", "a") == [["1", "a"]]
    assert (await db.query("SELECT generate_series(1, 3)")).startswith("54000 ")
    assert (await db.query("SELECT pg_sleep(9)")).startswith("57014 ")
    await settled(platform)
    number = await db.begin()
    assert await db.query("SHOW statement_timeout", transaction=number) == [["1s"]]
    db.end()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"host": "/tmp"}, "its host is not one host name or address"),
        ({"host": "a,b"}, "its host is not one host name or address"),
        ({"password": None}, "it has no password"),
        ({"user": None}, "it has no user"),
        ({"hostaddr": "127.0.0.1"}, "hostaddr can not be set"),
        ({"passfile": "/etc/passwd"}, "passfile can not be set"),
        ({"service": "x", "sslkey": "/x"}, "service, sslkey can not be set"),
        ({"sslrootcert": "/etc/passwd"}, "sslrootcert can only be system"),
        ({"options": "-c x=y"}, "options can not be set"),
        ({"port": "99999999"}, "its port is no number of a port"),
    ],
)
async def test_a_connection_string_can_not_use_what_is_on_the_runner_s_machine(
    platform: Platform, change: dict[str, Any], said: str
) -> None:
    fields = {"host": "127.0.0.1", "user": "u", "password": "hidden"} | change
    url = make_conninfo("", **{name: value for name, value in fields.items() if value})
    answer = await platform.worker(own(url)).query("SELECT 1")
    assert answer == f"Error: the binding's connection string is refused: {said}"


async def test_a_server_that_is_not_public_is_not_connected_to(database: str) -> None:
    pool = SessionPool(Places(AddressPolicy()))
    ops = Ops({"database": Database(pool)})
    for host in ("127.0.0.1", "localhost", "::1", "169.254.169.254", "2130706433"):
        work = deployment("t", DB=own(make_conninfo(database, host=host)))
        answer = await Worker(ops, work)(
            "database", {"binding": "DB", "action": "query", "sql": "SELECT 1"}
        )
        assert answer == "Error: can not connect to the database: its host is not a public address"
    work = deployment("t", DB=DatabaseBinding(id="x", schema="public"))
    answer = await Worker(ops, work)("database", {"binding": "DB", "action": "begin"})
    assert answer == "Error: this database was not made by this platform"
    await pool.close()


async def test_why_a_tenant_s_server_does_not_let_us_in_is_told_without_its_password(
    platform: Platform, database: str
) -> None:
    answers = {
        make_conninfo(
            database, password="hidden"
        ): 'password authentication failed for user "isolane"',
        make_conninfo(database, dbname="none"): 'database "none" does not exist',
        make_conninfo(database, port="1"): "the connection was refused",
        make_conninfo(database, host="no-such-host.invalid"): "there is no such host",
        make_conninfo(database, sslmode="require"): "TLS failed",
    }
    for url, said in answers.items():
        answer = await platform.worker(own(url)).query("SELECT 1")
        assert answer == f"Error: can not connect to the database: {said}"


async def test_a_server_with_tls_is_verified_and_counted_like_any_other(
    tmp_path: Path, database: str
) -> None:
    """TLS is between libpq and the server: what counts bytes sees only what is encrypted."""
    encrypted: list[str] = []
    async with _tls_in_front_of(database, _certificate(tmp_path), encrypted) as port:
        pool = SessionPool(Places(AddressPolicy(allowed=["loopback"])))
        ops = Ops({"database": Database(pool)})

        async def ask(sql: str, **place: str) -> Any:
            url = make_conninfo(database, host="localhost", port=port, **place)
            args = {"binding": "DB", "action": "query", "sql": sql}
            return await Worker(ops, deployment("t", DB=own(url)))("database", args)

        for mode in ("prefer", "require"):
            answer = await ask("SELECT $1", sslmode=mode)
            assert answer["error"]["code"] == "08P01"
            answer = await ask("SELECT repeat('y', 100000)", sslmode=mode)
            assert answer["rows"] == [["y" * 100_000]]
        assert encrypted == ["TLSv1.3"] * 2
        answer = await ask("SELECT repeat('x', 50000000)", sslmode="require")
        assert answer["error"]["code"] == "54000"
        assert await ask("SELECT 1", sslmode="verify-full") == (
            "Error: can not connect to the database: its certificate is not valid"
        )
        await pool.close()


async def test_a_server_that_breaks_off_tls_is_tried_again_without_if_it_may_be(
    database: str,
) -> None:
    async with _tls_in_front_of(database, None, []) as port:
        pool = SessionPool(Places(AddressPolicy(allowed=["loopback"])))
        ops = Ops({"database": Database(pool)})
        for mode, rows in (("prefer", [["1"]]), ("require", None)):
            url = make_conninfo(database, host="localhost", port=port, sslmode=mode)
            args = {"binding": "DB", "action": "query", "sql": "SELECT 1"}
            answer = await Worker(ops, deployment("t", DB=own(url)))("database", args)
            assert (answer["rows"] if rows else answer) == (
                rows or "Error: can not connect to the database: TLS failed"
            )
        await pool.close()


@asynccontextmanager
async def _tls_in_front_of(
    database: str, context: ssl.SSLContext | None, encrypted: list[str]
) -> AsyncIterator[str]:
    """Speak TLS for a server that does not; note the protocol of each connection."""
    place = conninfo_to_dict(database)
    tasks: set[asyncio.Task[None]] = set()

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(1 << 16):
                target.write(data)
                await target.drain()
        target.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(8)
        there, back = await asyncio.open_connection(str(place["host"]), int(place["port"] or 0))
        if first == b"\0\0\0\x08\x04\xd2\x16\x2f":
            writer.write(b"S")
            if context is None:
                writer.close()
                back.close()
                return
            try:
                await writer.start_tls(context)
            except (OSError, ssl.SSLError):
                back.close()
                return
            encrypted.append(str(writer.get_extra_info("ssl_object").version()))
        else:
            back.write(first)
        for pair in ((reader, back), (there, writer)):
            task = asyncio.create_task(pump(*pair))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield str(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in tuple(tasks):
            await task


def _certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem, file = serialization.Encoding.PEM, folder / "server.pem"
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(secret + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.mark.parametrize(
    "greeting",
    [
        b"R\0\0\0\x08\0\0\0\0" + b"N\x3f\xff\xff\xff",
        b"E\x3f\xff\xff\xff",
        b"R\0\0\0\x08\0\0\0\0" + b"S\0\0\0\x09a\0b\0\0" * 200_000,
    ],
)
async def test_a_server_that_talks_without_end_is_cut_off_while_it_greets(greeting: bytes) -> None:
    """A tenant's own server may be anything: a gigabyte of notice before the first query, for one."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        with suppress(ConnectionError):
            writer.write(greeting)
            while True:
                writer.write(bytes(1 << 20))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pool = SessionPool(Places(AddressPolicy(allowed=["loopback"])))
    ops = Ops({"database": Database(pool)})
    url = f"postgresql://u:p@127.0.0.1:{port}/d?sslmode=disable"
    before = resident()
    args = {"binding": "DB", "action": "query", "sql": "SELECT 1"}
    answer = await Worker(ops, deployment("t", DB=own(url)))("database", args)
    assert answer.startswith("Error: can not connect to the database: ")
    assert resident() - before < 32 << 20
    await pool.close()
    server.close()
    await server.wait_closed()
