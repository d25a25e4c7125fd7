"""A part that dies is started again, with longer and longer delays; what cannot start at all ends the platform."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from infra.local import parts
from infra.local.faults import HomeUnusable, LocalFault, NotReadyInTime, ProcessDied
from infra.local.parts import Part, State, delay_seconds
from infra.local.supervisor import Process, Readiness, Supervisor

ENVIRONMENT = {"PATH": os.environ["PATH"]}
SLEEP = "echo up; exec sleep 60"


class House:
    """Makes parts of shell scripts, and keeps what was told of each."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self.parts: list[Part] = []
        self.told: list[str] = []
        self.states: list[State] = []
        self.changed = asyncio.Event()

    def part(
        self, *scripts: str, make_ready: Callable[[Process], Awaitable[object]] | None = None, silence: float = 60
    ) -> Part:
        """Its first process runs the first script and so on; the last one is run again and again."""
        runs = list(scripts)

        async def begin() -> Process:
            script = runs.pop(0) if len(runs) > 1 else runs[0]
            (self.supervisor.logs / "part.log").unlink(missing_ok=True)
            return await self.supervisor.execute("part", ["/bin/sh", "-c", script], ENVIRONMENT, rank=1)

        async def says_up(process: Process) -> None:
            def look() -> Readiness:
                return Readiness.READY if "up" in process.log.read_text() else Readiness.SILENT

            await self.supervisor.ready(process, look, silence)

        part = Part("part", self.supervisor, begin, make_ready or says_up, self.tell)
        self.parts.append(part)
        return part

    def tell(self, sentence: str | None) -> None:
        self.states.append(self.parts[0].status.state)
        self.changed.set()
        if sentence is not None:
            self.told.append(sentence)

    async def until(self, what: Callable[[], bool]) -> None:
        """Asks `what` again with every change of state."""
        while not what():
            await asyncio.wait_for(self.changed.wait(), 60)
            self.changed.clear()


async def ready_at_once(process: Process) -> None:
    """For scripts that may end before anybody has looked."""


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(parts, "_LONGEST_DELAY_SECONDS", 0.01)
    async with Supervisor(tmp_path) as supervisor:
        house = House(supervisor)
        yield house
        for part in house.parts:
            await part.release()


async def test_a_part_that_is_killed_is_started_again_and_says_so(house: House) -> None:
    part = house.part(SLEEP)
    await part.start()
    before = part.status
    assert (before.state, before.restarts, before.last_death) == (State.READY, 0, None)
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)
    await house.until(lambda: part.status.restarts == 1 and part.status.state is State.READY)
    after = part.status
    assert after.pid not in (None, before.pid)
    assert after.since > before.since
    assert after.last_death is not None
    assert after.last_death.startswith('part was killed by SIGKILL ("up")')
    assert house.told == [f"{after.last_death} It is started again in 0.0 s.", "part is ready again."]
    assert house.states == [State.STARTING, State.READY, State.WAITING, State.STARTING, State.READY]
    assert not house.supervisor.death.done()


async def test_it_is_started_again_a_hundred_times_in_a_row(house: House) -> None:
    part = house.part("exit 0", make_ready=ready_at_once)
    await part.start()
    await house.until(lambda: part.status.restarts >= 100)
    assert not house.supervisor.death.done()


async def test_what_was_ready_once_is_never_given_up(house: House) -> None:
    """Ten deaths before it is ready again are no reason to end the platform."""
    part = house.part("echo up; exec sleep 0.2", *["exit 3"] * 10, SLEEP)
    await part.start()
    await house.until(lambda: part.status.restarts == 11 and part.status.state is State.READY)
    assert not house.supervisor.death.done()


async def test_what_dies_five_times_before_it_was_ever_ready_cannot_start(house: House) -> None:
    part = house.part("echo 'no such table'; exit 3")
    with pytest.raises(ProcessDied, match=r'part ended with status 3 \("no such table"\)'):
        await part.start()
    assert part.status.state is State.STOPPED
    assert part.status.restarts == 4


async def test_what_dies_four_times_and_then_stays_has_started(house: House) -> None:
    part = house.part(*["exit 3"] * 4, SLEEP)
    await part.start()
    assert part.status.restarts == 4


async def test_a_folder_that_cannot_be_used_is_not_tried_twice(house: House) -> None:
    tries = 0

    async def begin() -> Process:
        nonlocal tries
        tries += 1
        raise HomeUnusable("The disk is full.")

    part = house.part(SLEEP)
    part.begin = begin
    with pytest.raises(HomeUnusable, match="The disk is full"):
        await part.start()
    assert tries == 1


async def test_what_does_not_get_ready_again_makes_room_for_the_next_try(house: House) -> None:
    """A restarted process that lives but never answers is ended, killed if it must be, and replaced."""
    deaf = "trap '' TERM; while :; do sleep 0.1; done"
    part = house.part("echo up; exec sleep 0.2", deaf, SLEEP, silence=0.3)
    house.supervisor.farewell_seconds = 0.2
    await part.start()
    await house.until(lambda: part.status.restarts == 2 and part.status.state is State.READY)
    assert "does not get ready" in str(part.status.last_death)


async def test_what_does_not_get_ready_the_first_time_is_told_at_once(house: House) -> None:
    part = house.part("exec sleep 60", silence=0.2)
    with pytest.raises(NotReadyInTime, match="nothing happened for 0 s"):
        await part.start()
    assert part.status.restarts == 0


async def test_any_error_of_making_ready_again_is_another_try(house: House) -> None:
    """A client's own exception, such as of the database that has just died, ends nothing for good."""
    calls = 0

    async def make_ready(process: Process) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise ConnectionResetError("the other side has gone")

    part = house.part(SLEEP, make_ready=make_ready)
    await part.start()
    os.kill(part.status.pid or 0, signal.SIGKILL)
    await house.until(lambda: calls == 3 and part.status.state is State.READY)
    assert "ConnectionResetError" in str(part.status.last_death)
    assert not house.supervisor.death.done()


async def test_an_expected_end_is_not_restarted(house: House) -> None:
    part = house.part(SLEEP)
    for _ in range(20):
        await part.start()
        with pytest.raises(LocalFault, match="runs already"):
            await part.start()
        await part.stop()
        assert (part.status.state, part.status.pid, part.status.restarts) == (State.STOPPED, None, 0)
    assert house.told == []


async def test_stopping_while_it_waits_to_be_started_again_leaves_it_stopped(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_FIRST_DELAY_SECONDS", 60)
    monkeypatch.setattr(parts, "_LONGEST_DELAY_SECONDS", 60)
    part = house.part(SLEEP)
    await part.start()
    os.kill(part.status.pid or 0, signal.SIGKILL)
    await house.until(lambda: part.status.state is State.WAITING)
    await part.stop()
    assert part.status.state is State.STOPPED
    await part.start()
    assert part.status.state is State.READY


async def test_a_start_that_is_given_up_at_any_moment_leaves_nothing_running(house: House) -> None:
    for moment in range(60):
        part = house.part("sleep 0.005; echo up; exec sleep 60")
        starting = asyncio.create_task(part.start())
        await asyncio.sleep(moment / 2000)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await part.stop()
        process = house.supervisor.processes.get("part")
        assert process is None or process.ended.done()


def test_delays_double_up_to_ten_seconds() -> None:
    assert [delay_seconds(deaths) for deaths in range(1, 9)] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]
    assert delay_seconds(10_000) == 10


async def test_after_a_while_of_being_ready_delays_begin_anew(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_STEADY_SECONDS", 0)
    monkeypatch.setattr(parts, "_FIRST_DELAY_SECONDS", 0.01)
    monkeypatch.setattr(parts, "_LONGEST_DELAY_SECONDS", 60)
    part = house.part("exit 0", make_ready=ready_at_once)
    await part.start()
    await house.until(lambda: part.status.restarts >= 20)
    assert all(sentence.endswith(("in 0.0 s.", "again.")) for sentence in house.told), house.told
