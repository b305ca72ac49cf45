"""From a request to its worker, when that is known: what each request pays before anything else is done for it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import TYPE_CHECKING, Final

from benchmarks.errors import WrongAnswerError
from benchmarks.fleet import Fleet
from benchmarks.harness import alternate
from benchmarks.report import Findings, Metric, at_most
from pools.protocol import Mode
from runner.assembly import Assembler
from runner.embedded.postgres import open_postgres
from runner.events.fetch import Request
from runner.resolution import DatabaseResolver
from runner.store.lookup import Lookup
from runner.store.migrate import Migrator
from runner.store.pool import connect, open_pool
from runner.store.secrets import SecretBox
from runner.store.session import Store
from runner.store.versions import Code

if TYPE_CHECKING:
    from benchmarks.harness import Plan
    from benchmarks.report import Figures

_HITS: Final = 20_000
_CPU: Final = Metric("CPU", "µs/hit", drawn=True)
_DOMAIN: Final = "workers.test"


async def run(plan: Plan) -> Findings:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        server = await stack.enter_async_context(open_postgres(folder / "postgres"))
        async with connect(server.url) as connection:
            await Migrator(connection).up()
        pool = await stack.enter_async_context(open_pool(server.url))
        box = SecretBox([])
        async with Store(pool, box, "bench").session() as session:
            tenant = await session.tenants.ensure("bench")
            worker = await session.workers.ensure(tenant.id, "hello")
            await session.versions.store(
                tenant.id, worker.id, Code("index.js", {"index.js": "export default {}"})
            )
        fleet = await stack.enter_async_context(Fleet(Mode.PINNED, lanes=1))
        assembler = Assembler(fleet.runner.settings, fleet.runner.stripper, box)
        resolver = await stack.enter_async_context(
            DatabaseResolver(server.url, Lookup(pool, "bench"), assembler, [_DOMAIN])
        )
        asked = {"by host": ("", "", f"hello.{_DOMAIN}"), "by name": ("", "hello", "x")}
        asked["by id"] = (str(worker.id), "", "x")
        contenders = {
            name: partial(_measure, resolver, _request(*asks), plan.count(_HITS))
            for name, asks in asked.items()
        }
        measured = await alternate(plan, contenders)
    bars = [at_most(f"{name}: CPU", 20, measured.median(name, _CPU), "µs") for name in contenders]
    return Findings(rows=measured.rows(), bars=bars, rounds=plan.rounds)


def _request(number: str, name: str, host: str) -> Request:
    request = Request("GET", "http", "/")
    request.worker_id, request.worker_name, request.host = number, name, host
    return request


async def _measure(resolver: DatabaseResolver, request: Request, hits: int) -> Figures:
    found = await resolver.resolve(request)
    if found.name != "hello":
        raise WrongAnswerError("a request", found.name)
    began = process_time()
    for _ in range(hits):
        await resolver.resolve(request)
    return {_CPU: (process_time() - began) / hits * 1e6}
