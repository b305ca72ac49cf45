"""The checks of ``isolane doctor``: each says in a sentence how something is, and what to do when it is not well."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from runner.app import Runner
from runner.errors import DatabaseUnavailableError, HostStartError, RunnerError
from runner.journal import Silence
from snapshot.build import ensure_snapshot, open_blob
from snapshot.errors import BundleMissingError, SnapshotError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from runner.config import Settings

_WITHIN_S: Final = 15.0
_CONNECT_S: Final = 3.0
_OLDEST_YEAR: Final = 2024
_MAX_SKEW_S: Final = 1.0
_FILES_PER_LANE: Final = 8
_FILES_AT_LEAST: Final = 1024
_WALLS: Final = "landlock+seccomp"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """How one thing is; ``advice`` says what to do when it is not ok."""

    name: str
    ok: bool
    message: str
    advice: str = ""


class Checks:
    """Looks at this machine with the eyes of a runner that has these settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._skew_s: float | None = None

    async def all(self) -> list[Finding]:
        """Return a finding for each, in the order in which they are best mended."""
        findings = [
            await self._attempt("permissions", lambda: asyncio.to_thread(self._permissions)),
            await self._attempt("snapshot", self._snapshot),
        ]
        findings += await self._engine() if findings[-1].ok else [_no_snapshot("V8")]
        findings += [
            await self._attempt("PostgreSQL", self._postgres),
            await self._attempt("NATS", self._nats),
            await self._attempt("clock", self._clock),
        ]
        return findings

    async def _attempt(self, name: str, check: Callable[[], Awaitable[Finding]]) -> Finding:
        try:
            async with asyncio.timeout(_WITHIN_S):
                return await check()
        except TimeoutError:
            advice = "look whether the machine or the network is very slow"
            return _bad(name, f"no answer within {_WITHIN_S:g} s", advice)
        except DatabaseUnavailableError as error:
            return _bad(name, str(error), "start it, or change DATABASE_URL")
        except (RunnerError, SnapshotError, BundleMissingError, OSError) as error:
            return _bad(name, str(error), "")

    def _permissions(self) -> Finding:
        settings = self._settings
        env_file = Path(".env")
        if env_file.is_file() and env_file.stat().st_mode & 0o077:
            return _bad(
                "permissions",
                ".env, which may hold secrets, can be read by other users",
                "chmod 600 .env",
            )
        folder = settings.snapshot_dir
        place = folder if folder.exists() else folder.absolute().parent
        if not os.access(place, os.W_OK | os.X_OK):
            return _bad(
                "permissions",
                f"{place} can not be written to",
                "give SNAPSHOT_DIR a folder of your own",
            )
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _FILES_AT_LEAST + settings.lanes * _FILES_PER_LANE
        if soft != resource.RLIM_INFINITY and soft < min(wanted, 4096):
            return _bad(
                "permissions",
                f"a process may open {soft} files only, which limits connections",
                f"ulimit -n {max(wanted, 65536)}",
            )
        who = "root" if os.geteuid() == 0 else f"user {os.geteuid()}"
        return _good("permissions", f"{who}, may write {place}, {soft} open files")

    async def _snapshot(self) -> Finding:
        settings = self._settings
        flags, jitless = settings.v8_flags, settings.v8_jitless
        path = await asyncio.to_thread(
            ensure_snapshot, settings.snapshot_dir, flags, jitless=jitless
        )
        fd = open_blob(path, flags, jitless=jitless)
        size = os.fstat(fd).st_size
        os.close(fd)
        return _good("snapshot", f"{path}, {size / 1000:.0f} kB")

    async def _engine(self) -> list[Finding]:
        """Start one isolate host: that V8 runs, and behind which walls."""
        settings = msgspec.structs.replace(self._settings, lanes=1, hosts=1)
        try:
            async with asyncio.timeout(_WITHIN_S), Runner(settings, Silence()) as runner:
                about = runner.supervisor.about
        except (HostStartError, OSError, TimeoutError) as error:
            return [_bad("V8", str(error) or "it does not start", "isolane snapshot --check")]
        assert about is not None
        return [_good("V8", about.v8_version), self._sandbox(about.sandbox)]

    def _sandbox(self, walls: str) -> Finding:
        if walls == _WALLS:
            return _good("sandbox", walls)
        if self._settings.sandbox == "off":
            return _bad("sandbox", "off, as ISOLATE_SANDBOX says", "unset ISOLATE_SANDBOX")
        return _bad(
            "sandbox",
            f"only {walls} instead of {_WALLS}" if walls != "off" else "none",
            "use Linux 5.13 or newer with Landlock and seccomp, and let the container have them",
        )

    async def _postgres(self) -> Finding:
        url = self._settings.database_url
        if not url:
            return _good("PostgreSQL", "not set: dev brings its own, serve needs DATABASE_URL")
        from runner.store.migrate import Migrator, State
        from runner.store.named_queries import load_queries
        from runner.store.pool import connect, describe

        async with connect(url) as connection:
            cursor = await connection.execute(load_queries("doctor")["about_server"])
            row = await cursor.fetchone()
            assert row is not None
            version, epoch_s, may_create = row
            self._skew_s = time.time() - epoch_s
            standings = await Migrator(connection).status()
        where = f"{version} ({describe(url)})"
        odd = [one for one in standings if one.state is not State.APPLIED]
        if wrong := [one.name for one in odd if one.state is not State.PENDING]:
            return _bad(
                "PostgreSQL",
                f"{where}: {', '.join(wrong)} is not as in this version",
                "isolane migrate status",
            )
        if odd:
            advice = "isolane migrate up" if may_create else "isolane migrate up, as its owner"
            return _bad("PostgreSQL", f"{where}: {len(odd)} migrations are pending", advice)
        return _good("PostgreSQL", f"{where}, the schema is up to date")

    async def _nats(self) -> Finding:
        settings = self._settings
        if not settings.nats_servers:
            return _good("NATS", "not set: dev brings its own, serve needs NATS_SERVERS")
        from nats.errors import Error

        from runner.nats.connection import Bus

        bus = Bus(settings.nats_servers, settings.nats_credentials, "isolane doctor")
        try:
            async with asyncio.timeout(_CONNECT_S):
                await bus.open()
            version = bus.client.connected_server_version
            where = f"{version.major}.{version.minor}.{version.patch} ({bus.place})"
            await bus.client.jetstream().account_info()
        except TimeoutError:
            reason = bus.client.last_error or f"no answer within {_CONNECT_S:g} s"
            advice = "start it, or change NATS_SERVERS or NATS_CREDENTIALS"
            return _bad(
                "NATS",
                f"can not connect to {bus.place}: {f'{reason}'.removeprefix('nats: ')}",
                advice,
            )
        except Error as error:
            advice = "start nats-server with -js"
            return _bad("NATS", f"{bus.place} has no JetStream: {error}", advice)
        finally:
            await bus.close()
        return _good("NATS", f"{where}, with JetStream")

    async def _clock(self) -> Finding:
        now = datetime.now(UTC)
        if now.year < _OLDEST_YEAR:
            return _bad("clock", f"it says {now:%Y-%m-%d}", "set it, or run an NTP client")
        if self._skew_s is None:
            return _good("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")
        message = f"{abs(self._skew_s) * 1000:.0f} ms off PostgreSQL's"
        if abs(self._skew_s) > _MAX_SKEW_S:
            return _bad("clock", message, "run an NTP client on both machines")
        return _good("clock", message)


def _good(name: str, message: str) -> Finding:
    return Finding(name=name, ok=True, message=message)


def _bad(name: str, message: str, advice: str) -> Finding:
    # Some errors of drivers have several lines.
    return Finding(name=name, ok=False, message=" ".join(message.split()), advice=advice)


def _no_snapshot(name: str) -> Finding:
    return _bad(name, "not tried, as there is no snapshot", "mend the snapshot first")
