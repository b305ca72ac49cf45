"""What executions are asked to do, and how their answers are checked.

Must not know where they run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from benchmarks.errors import WrongAnswerError
from pools.protocol import OutcomeKind
from runner.execution import Response

if TYPE_CHECKING:
    from runner.execution import Execution

SUM_SOURCE = """\
export default {
  async task(payload) {
    let sum = payload.n;
    for (let i = 0; i < 1000; i += 1) sum += i;
    return { sum };
  },
};
"""
TIMER_SOURCE = """\
export default {
  async task(payload) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return { n: payload.n };
  },
};
"""
HELLO_SOURCE = """\
export default {
  fetch(request) {
    return new Response('hello ' + request.method);
  },
};
"""
_HELLO_EVENT = (
    b'{"type":"fetch","method":"GET","url":"http://hello.workers.dev.localhost/",'
    b'"headers":[["host","hello.workers.dev.localhost"],["accept","*/*"],["user-agent","bench"]],"body":null}'
)


class Work(Protocol):
    """One kind of execution."""

    @property
    def source(self) -> str:
        """The worker's program."""
        ...

    def event(self, number: int) -> bytes:
        """Return the event of the execution with this number."""
        ...

    def check(self, execution: Execution, number: int) -> None:
        """Look at what it answered.

        Raises
        ------
        WrongAnswerError
            It is not what the program must answer to that event.

        """
        ...


class Task:
    """A task whose result depends on its number: ``{"success":true,"data":{KEY: number + offset}}``."""

    def __init__(self, source: str, key: str, offset: int) -> None:
        self.source = source
        self._key = key
        self._offset = offset

    def event(self, number: int) -> bytes:
        return b'{"type":"task","payload":{"n":%d}}' % number

    def check(self, execution: Execution, number: int) -> None:
        result = execution.result
        wanted = f'{{"success":true,"data":{{"{self._key}":{number + self._offset}}}}}'
        if result is None or result.json != wanted:
            raise WrongAnswerError("a task", result or execution.outcome)
        _check_outcome(execution)


class Hello:
    """A fetch event that is answered with a few bytes."""

    source = HELLO_SOURCE

    def event(self, number: int) -> bytes:
        return _HELLO_EVENT

    def check(self, execution: Execution, number: int) -> None:
        answer = execution.answer.result()
        if not isinstance(answer, Response) or answer.status != 200 or answer.body != b"hello GET":
            raise WrongAnswerError("a fetch handler", execution.outcome)
        _check_outcome(execution)


def _check_outcome(execution: Execution) -> None:
    if execution.outcome is None or execution.outcome.kind is not OutcomeKind.OK:
        raise WrongAnswerError("an execution", execution.outcome)


SUM = Task(SUM_SOURCE, "sum", sum(range(1000)))
"""CPU only: an addition, a thousand times."""
TIMER = Task(TIMER_SOURCE, "n", 0)
"""Waits for 5 ms, and does nothing else."""
HELLO = Hello()
