"""How an attempt may go wrong before it is answered. What a server answers is data, never one of these."""

from __future__ import annotations

from runner.errors import RunnerError


class ExchangeError(RunnerError):
    """There is no answer; the text says why, without anything of this machine. ``code`` is a name as Node has them."""

    def __init__(self, words: str, code: str = "") -> None:
        self.code = code
        super().__init__(words)


class OversizeError(RunnerError):
    """The answer has more bytes than are kept."""
