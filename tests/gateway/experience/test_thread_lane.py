"""Blocking calls: a bounded number at once, a bounded number in line, and every place is given back."""

import asyncio
import random
import threading
import time

import pytest

from gateway.experience.thread_lane import LaneFull, ThreadLane


async def idle(lane: ThreadLane) -> None:
    async with asyncio.timeout(20):
        while lane.taken:  # noqa: ASYNC110 - threads give the places back
            await asyncio.sleep(0.005)


async def test_whoever_comes_when_the_line_is_full_is_refused_at_once_and_nothing_is_begun() -> None:
    lane, go, begun = ThreadLane("test", 2, 3), threading.Event(), []

    def work(number: int) -> int:
        begun.append(number)
        go.wait(20)
        return number

    calls = [asyncio.create_task(lane.call(work, number)) for number in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(LaneFull):
        await lane.call(work, 5)
    go.set()
    assert await asyncio.gather(*calls) == [0, 1, 2, 3, 4]
    assert sorted(begun) == [0, 1, 2, 3, 4]
    assert lane.taken == 0
    lane.close()


async def test_a_call_that_fails_gives_its_place_back() -> None:
    lane = ThreadLane("test", 1, 0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await lane.call(lambda: 1 / 0)
    assert lane.taken == 0
    lane.close()
    with pytest.raises(RuntimeError):  # it takes nothing more, and keeps no place for it
        await lane.call(int)
    assert lane.taken == 0


# A caller may leave while it waits for a thread, while it has one, or just as it is answered.
async def test_a_thousand_callers_who_leave_at_any_moment_leave_no_place_taken() -> None:
    lane, moments = ThreadLane("test", 8, 2_000), random.Random(20)

    async def leave() -> None:
        call = asyncio.create_task(lane.call(time.sleep, moments.uniform(0, 0.01)))
        await asyncio.sleep(moments.uniform(0, 0.5))
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    await asyncio.gather(*(leave() for _ in range(1_000)))
    await idle(lane)
    assert await lane.call(int, "7") == 7
    assert lane.taken == 0
    lane.close()


async def test_who_leaves_before_a_thread_is_free_has_nothing_done() -> None:
    lane, go, done = ThreadLane("test", 1, 5), threading.Event(), []
    first = asyncio.create_task(lane.call(go.wait, 20))
    waiting = asyncio.create_task(lane.call(done.append, 1))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert lane.taken == 1
    go.set()
    await first
    assert done == []
    lane.close()
