"""Admission: two limits, waiting in order, and places that come back."""

from __future__ import annotations

import asyncio

import pytest

from runner.admission import Admission
from runner.errors import BusyError


async def test_above_the_total_nobody_gets_in() -> None:
    admission = Admission(max_total=2, max_per_worker=10, wait_timeout_ms=1000)
    assert admission.try_enter("a")
    assert admission.try_enter("b")
    with pytest.raises(BusyError) as caught:
        admission.try_enter("c")
    assert caught.value.retry_after_s >= 1
    admission.leave("a")
    assert admission.try_enter("c")


async def test_a_workers_requests_wait_in_the_order_they_came() -> None:
    admission = Admission(max_total=10, max_per_worker=1, wait_timeout_ms=60_000)
    order: list[int] = []

    async def enter(number: int) -> None:
        await admission.enter("a")
        order.append(number)

    await enter(0)
    tasks = [asyncio.ensure_future(enter(number)) for number in (1, 2)]
    await asyncio.sleep(0)
    assert order == [0]
    assert admission.total == 3
    admission.leave("a")
    await tasks[0]
    assert order == [0, 1]
    admission.leave("a")
    await tasks[1]
    admission.leave("a")
    assert admission.total == 0


async def test_a_full_worker_does_not_hinder_another() -> None:
    admission = Admission(max_total=10, max_per_worker=1, wait_timeout_ms=1000)
    assert admission.try_enter("a")
    assert not admission.try_enter("a")
    assert admission.try_enter("b")


async def test_who_waited_too_long_is_sent_away() -> None:
    admission = Admission(max_total=10, max_per_worker=1, wait_timeout_ms=0)
    await admission.enter("a")
    with pytest.raises(BusyError, match="waited 0 s"):
        await admission.enter("a")
    assert admission.total == 1
    admission.leave("a")
    assert admission.try_enter("a")


async def test_a_place_given_to_somebody_who_left_goes_to_the_next() -> None:
    admission = Admission(max_total=10, max_per_worker=1, wait_timeout_ms=60_000)
    await admission.enter("a")
    first = asyncio.ensure_future(admission.enter("a"))
    second = asyncio.ensure_future(admission.enter("a"))
    await asyncio.sleep(0)
    admission.leave("a")
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await second
    admission.leave("a")
    assert admission.total == 0
