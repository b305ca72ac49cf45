"""Why a benchmark has no figures."""

from __future__ import annotations


class BenchmarkError(Exception):
    """A measurement can not be trusted, or not be made; the text says what happened to which contender."""


class WrongAnswerError(BenchmarkError):
    """A contender answered something else than it should."""

    def __init__(self, contender: str, got: object) -> None:
        super().__init__(f"{contender} gave a wrong answer: {str(got)[:300]}")
        self.contender = contender
        self.got = got
