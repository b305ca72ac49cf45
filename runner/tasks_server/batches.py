"""Questions that are asked one by one, answered together: a statement costs hardly more for many than for one.

Nobody waits for company. Whoever asks while others are answered goes along with all who asked meanwhile. Must not know what is asked.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

Question = TypeVar("Question")
Answer = TypeVar("Answer")
_MOST: Final = 100
_AT_ONCE: Final = 2


class Batches(Generic[Question, Answer]):
    """``answer`` gets up to ``most`` questions, and returns as many answers in their order; what it raises concerns all of them."""

    def __init__(
        self,
        answer: Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]],
        *,
        most: int = _MOST,
        at_once: int = _AT_ONCE,
    ) -> None:
        self._answer = answer
        self._most = most
        self._at_once = at_once
        self._asked: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._serving: set[asyncio.Task[None]] = set()

    async def ask(self, question: Question) -> Answer:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._asked.append((question, answer))
        if len(self._serving) < self._at_once:
            task = loop.create_task(self._serve(), name="tasks server: batch")
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        return await answer

    async def close(self) -> None:
        """Wait for what is asked now."""
        if self._serving:
            await asyncio.wait(tuple(self._serving))

    async def _serve(self) -> None:
        while self._asked:
            batch, self._asked = self._asked[: self._most], self._asked[self._most :]
            try:
                answers = await self._answer([question for question, _ in batch])
            except Exception as error:  # noqa: BLE001 - it is everybody's who asked
                for _, waiting in batch:
                    if not waiting.done():
                        waiting.set_exception(error)
            else:
                for (_, waiting), answer in zip(batch, answers, strict=True):
                    if not waiting.done():
                        waiting.set_result(answer)
