"""The ``crypto`` op: what ``crypto.subtle`` needs and the isolate host has not (docs/decisions/013).

The work is done in threads, of which one tenant has one at a time, and measured: an execution has so much CPU time here, as it has
in its lane. Must not know primitives; a thread loads them with the first op.
"""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from runner.crypto.arguments import Args
from runner.errors import OpError
from runner.ops.turns import Turns

if TYPE_CHECKING:
    from runner.execution import Execution
    from runner.ops.registry import OpCall

_CPU_TIMES: Final = 20
"""CPU time that an execution has here, as a multiple of what it has in its lane: two seconds if that is 100 ms. An op that has begun goes on
to its end: the longest is a key of RSA with 4096 bits, a second on average."""
_MOST_THREADS: Final = 4


class Crypto:
    """The handler. Owns its threads; :meth:`close` waits for them."""

    def __init__(self) -> None:
        threads = min(_MOST_THREADS, os.cpu_count() or 1)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="crypto")
        self._turns = Turns(1)
        self._used_s: dict[Execution, float] = {}
        """CPU time of the executions that have asked for anything and have not ended."""

    async def __call__(self, call: OpCall) -> None:
        args: Args = call.args(Args)  # type: ignore[arg-type]
        call.note("isolane.crypto.action", f"{args.__struct_config__.tag}")
        execution = call.execution
        async with self._turns.of(execution.deployment.tenant):
            limit_s = execution.deployment.limits.cpu_ms * _CPU_TIMES / 1000
            if 0 < limit_s <= self._used_s.get(execution, 0.0):
                raise OpError(
                    "OperationError",
                    f"crypto: this execution has used its {limit_s:g} s of CPU time for cryptography",
                )
            # A thread can not be stopped: its turn lasts as long, even if nobody waits for the answer any more.
            future = asyncio.get_running_loop().run_in_executor(
                self._threads, _measured, args, call.attachment
            )
            try:
                answer, cpu_s = await asyncio.shield(future)
            except asyncio.CancelledError:
                await asyncio.wait([future])
                raise
        self._charge(execution, cpu_s)
        if isinstance(answer, Exception):
            raise answer
        value, attachment = answer
        call.resolve(value, attachment or None)

    def _charge(self, execution: Execution, cpu_s: float) -> None:
        if execution.outcome is not None:
            return
        if execution not in self._used_s:
            execution.on_end.append(self._forget)
        self._used_s[execution] = self._used_s.get(execution, 0.0) + cpu_s

    def _forget(self, execution: Execution) -> None:
        self._used_s.pop(execution, None)

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)


def _measured(args: Args, attachment: bytes) -> tuple[tuple[object, bytes] | Exception, float]:
    """Do it in this thread; the failure or the answer, and seconds of CPU time."""
    from runner.crypto.actions import perform

    began = time.thread_time()
    try:
        answer: tuple[object, bytes] | Exception = perform(args, attachment)
    except Exception as error:  # noqa: BLE001 - it is raised again where it is awaited
        answer = error
    return answer, time.thread_time() - began
