"""Clients that ask again and again, and keep what they got."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping


class Load:
    """``clients`` clients of one address; ``async with`` runs them, and lets the last request of each finish."""

    def __init__(
        self, url: str, headers: Mapping[str, str], *, clients: int = 4, method: str = "GET"
    ) -> None:
        self.answers: Counter[int | str] = Counter()
        """By status, or by the kind of failure where none came."""
        self.texts: Counter[str] = Counter()
        self.problems: list[str] = []
        self._client = httpx.AsyncClient(base_url=url, headers=dict(headers), trust_env=False)
        self._method = method
        self._clients = clients
        self._tasks: list[asyncio.Task[None]] = []
        self._ending = False
        self._answered = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._ask()) for _ in range(self._clients)]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._ending = True
        await asyncio.gather(*self._tasks)
        await self._client.aclose()

    async def more(self, count: int) -> None:
        """Wait for so many more answers."""
        wanted = self.answers.total() + count
        async with asyncio.timeout(30), self._answered:
            await self._answered.wait_for(lambda: self.answers.total() >= wanted)

    async def _ask(self) -> None:
        while not self._ending:
            try:
                answer = await self._client.request(self._method, "/", timeout=20)
            except httpx.TransportError as error:
                self.answers[type(error).__name__] += 1
                self.problems.append(repr(error))
            else:
                self.answers[answer.status_code] += 1
                if answer.is_success:
                    self.texts[answer.text] += 1
                else:
                    self.problems.append(f"{answer.status_code} {answer.text.strip()}")
            async with self._answered:
                self._answered.notify_all()
