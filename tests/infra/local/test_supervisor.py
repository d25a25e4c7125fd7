"""Processes: told when they die, and all ended whatever happens, even to the one that commands."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.local.faults import LocalFault, NotReadyInTime, PortTaken, ProcessDied
from infra.local.supervisor import Process, Readiness, Supervisor, check_ports, obituary

Gone = Callable[[int, float], bool]
ENVIRONMENT = {"PATH": os.environ["PATH"]}
SLEEP = ["/bin/sleep", "60"]


def has_written(log: Path, what: str = "") -> Callable[[], Readiness]:
    return lambda: Readiness.READY if log.read_text().strip() and what in log.read_text() else Readiness.SILENT


async def test_a_module_runs_with_exactly_its_environment(tmp_path: Path) -> None:
    async with Supervisor(tmp_path) as supervisor:
        await supervisor.preload(["json", "decimal"])
        environment = {**ENVIRONMENT, "GREETING": "olá"}
        process = await supervisor.run_module("env", "tests_env", [], environment)
        with pytest.raises(ProcessDied, match=r"env ended with status 1 .*tests_env"):
            await supervisor.finish(process)
        process = await supervisor.run_module("platform", "platform", [], environment)
        await supervisor.finish(process)
    assert "Linux" in (tmp_path / "platform.log").read_text() or sys.platform != "linux"


async def test_nothing_runs_after_the_block_not_even_grandchildren(tmp_path: Path, gone: Gone) -> None:
    async with Supervisor(tmp_path) as supervisor:
        script = "sleep 60 & echo $! ; wait"
        shell = await supervisor.execute("shell", ["/bin/sh", "-c", script], ENVIRONMENT, rank=1)
        stubborn = await supervisor.execute(
            "stubborn", ["/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.2; done"], ENVIRONMENT, rank=2
        )
        await supervisor.ready(shell, has_written(tmp_path / "shell.log"))
        await supervisor.ready(stubborn, has_written(tmp_path / "stubborn.log"))
        grandchild = int((tmp_path / "shell.log").read_text())
    for pid in (shell.pid, grandchild, stubborn.pid):
        assert gone(pid, 60)


async def test_a_fault_inside_ends_every_process(tmp_path: Path, gone: Gone) -> None:
    pids: list[int] = []

    async def fail_half_way() -> None:
        async with Supervisor(tmp_path) as supervisor:
            pids.append((await supervisor.execute("sleeper", SLEEP, ENVIRONMENT, rank=1)).pid)
            raise LocalFault("half-way")

    with pytest.raises(LocalFault, match="half-way"):
        await fail_half_way()
    assert gone(pids[0], 60)


async def test_a_start_that_nobody_waits_for_any_more_ends_like_the_others(tmp_path: Path, gone: Gone) -> None:
    """As when another step of the start fails meanwhile: the launcher's answer comes too late, and is no fault."""
    async with Supervisor(tmp_path) as supervisor:
        starting = asyncio.create_task(supervisor.execute("sleeper", SLEEP, ENVIRONMENT, rank=1))
        await asyncio.sleep(0)
        starting.cancel()
    assert starting.cancelled()
    assert gone(supervisor.processes["sleeper"].pid, 60)


async def test_the_highest_rank_ends_first(tmp_path: Path) -> None:
    script = "trap 'date +%s%N; exit 0' TERM; echo up >&2; while :; do sleep 0.05; done"
    async with Supervisor(tmp_path) as supervisor:
        for rank in (1, 3, 2):
            process = await supervisor.execute(f"rank{rank}", ["/bin/sh", "-c", script], ENVIRONMENT, rank=rank)
            await supervisor.ready(process, has_written(process.log, "up"))
    moments = [int((tmp_path / f"rank{rank}.log").read_text().split()[-1]) for rank in (3, 2, 1)]
    assert moments == sorted(moments)


async def test_a_death_is_told_in_one_sentence_with_its_last_words(tmp_path: Path) -> None:
    async with Supervisor(tmp_path) as supervisor:
        script = "echo starting; echo 'the cable is out'; exit 7"
        modem = await supervisor.execute("modem", ["/bin/sh", "-c", script], ENVIRONMENT, rank=1)
        assert await modem.ended == 7
        assert obituary(modem, 7).startswith('modem ended with status 7 ("the cable is out");')
        assert not supervisor.death.done()


async def test_of_a_line_of_our_own_logs_the_event_and_the_error_are_told(tmp_path: Path) -> None:
    log = tmp_path / "tickets.log"
    tickets = Process("tickets", 1, log, asyncio.get_running_loop().create_future())
    for line, told in [
        ('{"event":"started","level":"info"}', "started"),
        ('{"event":"failed","exception":"Traceback\\n  File\\nOSError: no disk"}', "failed: OSError: no disk"),
        ('{"level":"info"}', '{"level":"info"}'),
        ("[1, 2]", "[1, 2]"),
    ]:
        log.write_text(f"{'x' * 100_000}\n{line}\n\n")
        assert obituary(tickets, 1) == f'tickets ended with status 1 ("{told}"); its log is {log}.'


async def test_one_process_ends_while_the_others_go_on(tmp_path: Path) -> None:
    async with Supervisor(tmp_path) as supervisor:
        await supervisor.execute("one", SLEEP, ENVIRONMENT, rank=1)
        two = await supervisor.execute("two", SLEEP, ENVIRONMENT, rank=1)
        await supervisor.end("one")
        await supervisor.end("one")
        await supervisor.end("nobody")
        assert not supervisor.death.done()
        assert not two.ended.done()
        again = await supervisor.execute("one", SLEEP, ENVIRONMENT, rank=1)
        assert not again.ended.done()
        with pytest.raises(LocalFault, match="runs already"):
            await supervisor.execute("one", SLEEP, ENVIRONMENT, rank=1)


async def test_what_does_not_end_well_is_killed(tmp_path: Path) -> None:
    deaf = "trap '' TERM; echo deaf; while :; do sleep 0.1; done"
    async with Supervisor(tmp_path, farewell_seconds=0.1) as supervisor:
        process = await supervisor.execute("deaf", ["/bin/sh", "-c", deaf], ENVIRONMENT, rank=1)
        await supervisor.ready(process, has_written(process.log))
        await supervisor.end("deaf")
        assert await process.ended == -signal.SIGKILL


async def test_a_process_that_is_starting_can_be_ended(tmp_path: Path, gone: Gone) -> None:
    async with Supervisor(tmp_path) as supervisor:
        for _ in range(20):
            starting = asyncio.create_task(supervisor.execute("sleeper", SLEEP, ENVIRONMENT, rank=1))
            await asyncio.sleep(0)
            starting.cancel()
            await supervisor.end("sleeper")
            assert await supervisor.processes["sleeper"].ended == -signal.SIGTERM


async def test_waiting_for_readiness_ends_when_nothing_happens(tmp_path: Path) -> None:
    async with Supervisor(tmp_path) as supervisor:
        slow = await supervisor.execute("slow", SLEEP, ENVIRONMENT, rank=1)
        with pytest.raises(NotReadyInTime, match=r"slow does not get ready \(nothing happened for 0 s\)"):
            await supervisor.ready(slow, lambda: Readiness.SILENT, 0.1)
        short = await supervisor.execute("short", ["/bin/false"], ENVIRONMENT, rank=1)
        with pytest.raises(ProcessDied, match="short ended with status 1"):
            await supervisor.ready(short, lambda: Readiness.SILENT)


async def test_a_process_that_gets_on_is_waited_for_however_long_it_takes(tmp_path: Path) -> None:
    """Its log grows every 0.1 s for far longer than the silence that would end the waiting."""
    script = "for i in $(seq 40); do echo $i; sleep 0.1; done; echo up; exec sleep 60"
    async with Supervisor(tmp_path) as supervisor:
        slow = await supervisor.execute("slow", ["/bin/sh", "-c", script], ENVIRONMENT, rank=1)
        await supervisor.ready(slow, has_written(slow.log, "up"), silence=2)


async def test_what_is_busy_answering_that_it_is_not_ready_does_not_get_on(tmp_path: Path) -> None:
    """Its CPU time grows with our questions: that is no sign of getting on, as it is before it answers."""
    async with Supervisor(tmp_path) as supervisor:
        busy = await supervisor.execute("busy", ["/bin/sh", "-c", "while :; do :; done"], ENVIRONMENT, rank=1)
        with pytest.raises(NotReadyInTime):
            await supervisor.ready(busy, lambda: Readiness.ANSWERS, 0.5)
        asked = 0

        def says_nothing_for_long() -> Readiness:
            nonlocal asked
            asked += 1
            return Readiness.READY if asked == 60 else Readiness.SILENT

        await supervisor.ready(busy, says_nothing_for_long, 1)


def test_the_processes_end_when_their_commander_is_killed(tmp_path: Path, gone: Gone) -> None:
    commander = subprocess.Popen(
        [sys.executable, "-c", _COMMANDER, str(tmp_path)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert commander.stdout is not None
    with commander.stdout as lines:
        pid = int(lines.readline())
        commander.send_signal(signal.SIGKILL)
        commander.wait()
    assert gone(pid, 60)


_COMMANDER = """
import asyncio, os, pathlib, sys
from infra.local.supervisor import Supervisor

async def main():
    async with Supervisor(pathlib.Path(sys.argv[1])) as supervisor:
        process = await supervisor.execute("sleeper", ["/bin/sleep", "60"], {"PATH": os.environ["PATH"]}, rank=1)
        print(process.pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_the_end_of_the_launcher_is_a_death_and_leaves_nothing(tmp_path: Path, gone: Gone) -> None:
    async with Supervisor(tmp_path) as supervisor:
        process = await supervisor.execute("sleeper", SLEEP, ENVIRONMENT, rank=1)
        supervisor._launcher.kill()
        death = await asyncio.wait_for(asyncio.shield(supervisor.death), 60)
        assert "launcher" in str(death)
    assert gone(process.pid, 60)


def test_a_taken_port_is_named_in_one_sentence() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"Port {port}, meant for the gateway, .*--port\.$"):
            check_ports({"the gateway": port})
    check_ports({"the gateway": port})


def test_a_port_beyond_the_last_is_refused() -> None:
    with pytest.raises(PortTaken, match="no port 70000"):
        check_ports({"postgres": 70_000})
