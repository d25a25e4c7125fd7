"""How many operations are let in, in which order, for how long they wait, and what is left when callers leave."""

import asyncio
import random

import pytest

from subgraphs.chassis.admission import LEAST, START, WAITING, Admission, Overloaded


async def work(admission: Admission, seconds: float, left: float, done: list[int], number: int = 0) -> None:
    loop = asyncio.get_running_loop()
    await admission.enter(loop.time() + left)
    began = loop.time()
    try:
        await asyncio.sleep(seconds)
        done.append(number)
    finally:
        admission.leave(loop.time() - began, loop.time())


async def test_who_finds_no_place_waits_in_the_order_of_coming() -> None:
    admission, done = Admission(limit=1, most=1), list[int]()
    await asyncio.gather(*(work(admission, 0.001, 60, done, number) for number in range(100)))
    assert done == list(range(100))
    assert (admission.running, admission.waiting) == (0, 0)


async def test_no_more_run_than_are_let_in() -> None:
    admission, most = Admission(limit=5, most=5), 0

    async def one() -> None:
        nonlocal most
        await admission.enter(asyncio.get_running_loop().time() + 60)
        most = max(most, admission.running)
        await asyncio.sleep(0)
        admission.leave(0.001, 0)

    await asyncio.gather(*(one() for _ in range(300)))
    assert most == 5


async def test_what_cannot_be_done_in_time_is_refused_at_once_and_told_when_to_come_again() -> None:
    """One place, operations of ten seconds, two who have fifteen: the second could not be done by then."""
    admission = Admission(limit=1, most=1)
    now = asyncio.get_running_loop().time()
    await admission.enter(now + 15)
    admission.leave(10.0, now)
    await admission.enter(now + 15)
    with pytest.raises(Overloaded) as refused:
        await admission.enter(now + 15)
    assert refused.value.retry_after == 10.0
    patient = asyncio.ensure_future(admission.enter(now + 25))
    await asyncio.sleep(0)
    assert admission.waiting == 1
    admission.leave(10.0, now)
    await patient


async def test_who_has_waited_too_long_is_refused_and_not_begun() -> None:
    admission = Admission(limit=1, most=1)
    now = asyncio.get_running_loop().time()
    await admission.enter(now + 60)
    waits = asyncio.ensure_future(admission.enter(now + 5))
    await asyncio.sleep(0)
    # The first has taken ten seconds: the one who waits cannot be served in five.
    admission.leave(10.0, now)
    with pytest.raises(Overloaded):
        await waits
    assert (admission.running, admission.waiting) == (0, 0)


async def test_a_deadline_ends_the_wait() -> None:
    admission = Admission(limit=1, most=1)
    now = asyncio.get_running_loop().time()
    await admission.enter(now + 60)
    with pytest.raises(Overloaded):
        await admission.enter(now + 0.02)
    assert (admission.running, admission.waiting) == (1, 0)


async def test_the_line_has_an_end() -> None:
    admission = Admission(limit=1, most=1)
    until = asyncio.get_running_loop().time() + 60
    waiting = [asyncio.ensure_future(admission.enter(until)) for _ in range(WAITING + 1)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await admission.enter(until)
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_callers_that_leave_at_any_moment_leave_no_place_taken() -> None:
    admission, done = Admission(limit=4, most=4), list[int]()
    loop = asyncio.get_running_loop()
    callers = [asyncio.ensure_future(work(admission, 0.001, 60, done)) for _ in range(1_000)]
    for one in callers:
        loop.call_later(random.uniform(0, 0.2), one.cancel)
    ended = await asyncio.gather(*callers, return_exceptions=True)
    assert any(isinstance(one, asyncio.CancelledError) for one in ended)
    assert (admission.running, admission.waiting) == (0, 0)
    await work(admission, 0, 60, done, number=-1)
    assert done[-1] == -1


def test_a_late_loop_lets_fewer_in_and_a_prompt_one_more() -> None:
    admission = Admission()
    for step in range(100):
        admission.adapt(late=0.5, now=step * 1.0)
    assert admission.limit == LEAST
    admission.running = LEAST
    for step in range(1_000):
        admission.running = int(admission.limit)
        admission.adapt(late=0.001, now=200 + step * 1.0)
    assert admission.limit == admission.most


def test_a_burst_of_late_looks_counts_once_and_a_limit_that_is_not_reached_does_not_grow() -> None:
    admission = Admission()
    for _ in range(50):
        admission.adapt(late=0.5, now=10.0)
    assert admission.limit == START * 0.9
    for step in range(50):
        admission.adapt(late=0.001, now=20.0 + step)
    assert admission.limit == START * 0.9


async def test_a_service_that_only_waits_lets_more_in_while_it_is_asked() -> None:
    """Forty calls wait for a bank: the loop is idle, so that others get their places."""
    admission = Admission(limit=8)
    loop = asyncio.get_running_loop()
    entered = []
    for _ in range(40):
        entered.append(asyncio.ensure_future(admission.enter(loop.time() + 60)))
        admission._grown_at = -1.0
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert admission.running == 40
    await asyncio.gather(*entered)
