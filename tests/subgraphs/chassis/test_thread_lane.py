"""Work in threads: bounded, dropped when nobody waits for it any more, and no place is lost."""

import asyncio
import contextvars
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from subgraphs.chassis.aws import Aws
from subgraphs.chassis.thread_lane import LaneFull, ThreadLane


@pytest.fixture
def lane() -> Iterator[ThreadLane]:
    lane = ThreadLane("lane-under-test", threads=2, waiting=3)
    yield lane
    lane.close()


class Gate:
    """Work that a test lets go on: `entered` counts what a thread has begun."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = 0

    def pass_through(self) -> str:
        self.entered += 1
        assert self.open.wait(60)
        return "through"


async def until_idle(lane: ThreadLane) -> None:
    async with asyncio.timeout(60):
        while lane.taken:  # noqa: ASYNC110 - threads set no asyncio event
            await asyncio.sleep(0.001)


async def begun(lane: ThreadLane, gate: Gate, count: int) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(lane.call(gate.pass_through)) for _ in range(count)]
    async with asyncio.timeout(60):
        while gate.entered < min(count, 2) or lane.taken < count:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    return tasks


async def test_so_many_run_so_many_wait_and_one_more_is_refused_at_once(lane: ThreadLane) -> None:
    gate = Gate()
    tasks = await begun(lane, gate, 5)
    assert (gate.entered, lane.running, lane.waiting) == (2, 2, 3)
    with pytest.raises(LaneFull):
        await lane.call(gate.pass_through)
    gate.open.set()
    assert await asyncio.gather(*tasks) == ["through"] * 5
    assert gate.entered == 5
    await until_idle(lane)


# Hashing for a client who has left would only keep the others waiting.
async def test_what_waits_is_dropped_when_its_caller_leaves(lane: ThreadLane) -> None:
    gate = Gate()
    tasks = await begun(lane, gate, 5)
    for task in tasks[2:]:
        task.cancel()
    await asyncio.wait(tasks[2:])
    assert lane.waiting == 0
    gate.open.set()
    assert await asyncio.gather(*tasks[:2]) == ["through"] * 2
    await until_idle(lane)
    assert gate.entered == 2


# The machine goes on working for a caller who has left: his place is free when the work is done, not before.
async def test_work_that_has_begun_keeps_its_place_until_it_is_done(lane: ThreadLane) -> None:
    gate = Gate()
    tasks = await begun(lane, gate, 2)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert (lane.running, lane.waiting) == (2, 0)
    later = asyncio.create_task(lane.call(gate.pass_through))
    for _ in range(10):
        await asyncio.sleep(0)
    assert (lane.running, lane.waiting, gate.entered) == (2, 1, 2)
    gate.open.set()
    assert await later == "through"
    await until_idle(lane)


async def test_a_thousand_callers_who_leave_at_random_moments_leave_no_place_taken() -> None:
    lane, randomness = ThreadLane("lane-under-test", threads=3, waiting=1_000), random.Random(1)

    async def leave() -> None:
        task = asyncio.create_task(lane.call(time.sleep, 0.0005))
        await asyncio.sleep(randomness.uniform(0, 0.005))
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    for _ in range(50):
        await asyncio.gather(*(leave() for _ in range(20)))
    await until_idle(lane)
    assert await asyncio.gather(*(lane.call(str, number) for number in range(50))) == [str(n) for n in range(50)]
    await until_idle(lane)
    lane.close()


async def test_calls_of_aws_that_are_cancelled_leave_no_thread_taken(aws: Aws) -> None:
    randomness = random.Random(2)

    async def leave() -> None:
        task = asyncio.create_task(aws.call("sqs", "list_queues"))
        await asyncio.sleep(randomness.uniform(0, 0.05))
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    for _ in range(20):
        await asyncio.gather(*(leave() for _ in range(50)))
    await until_idle(aws.lane)
    answers = await asyncio.gather(*(aws.call("sqs", "list_queues") for _ in range(30)))
    assert [answer["ResponseMetadata"]["HTTPStatusCode"] for answer in answers] == [200] * 30


async def test_what_fails_in_a_thread_fails_for_its_caller(lane: ThreadLane) -> None:
    with pytest.raises(ZeroDivisionError):
        await lane.call(lambda: 1 / 0)
    await until_idle(lane)


async def test_work_sees_the_callers_context_variables(lane: ThreadLane) -> None:
    variable = contextvars.ContextVar("variable", default="")
    variable.set("the caller's")
    assert await lane.call(variable.get) == "the caller's"


async def test_a_lane_may_let_everything_else_go_first() -> None:
    lane = ThreadLane("nice", threads=1, waiting=0, niceness=7)
    here = os.getpriority(os.PRIO_PROCESS, 0)
    nice = await lane.call(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    assert (nice, os.getpriority(os.PRIO_PROCESS, 0)) == (max(7, here), here)
    lane.close()


# As a Lambda does: each invocation has an event loop of its own, and may end it while a thread is still at work.
def test_a_lane_outlives_the_event_loops_that_use_it() -> None:
    lane = ThreadLane("lane-under-test", threads=2, waiting=50)

    async def invocation(leave: bool) -> list[int]:
        calls = [asyncio.create_task(lane.call(_slowly, number)) for number in range(10)]
        await asyncio.sleep(0.002)
        return [] if leave else await asyncio.gather(*calls)

    for number in range(60):
        answers = asyncio.run(invocation(leave=number % 2 == 0))
        assert answers == ([] if number % 2 == 0 else list(range(10)))
    asyncio.run(until_idle(lane))
    lane.close()


def _slowly(number: int) -> int:
    time.sleep(0.001)
    return number
