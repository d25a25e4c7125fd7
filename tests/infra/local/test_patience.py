"""Waiting goes on for as long as something happens, with a clock that the test turns."""

import os
import subprocess
from pathlib import Path

from infra.local.patience import Patience, cpu_time, log_length


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_it_lasts_as_long_as_something_changes_and_a_minute_more() -> None:
    clock, log = Clock(), [0]
    patience = Patience(lambda: log[0], silence=60, longest=900, clock=clock)
    for _ in range(14):
        clock.now += 59
        assert not patience.is_over()
        log[0] += 1
        assert not patience.is_over()
    clock.now += 60
    assert not patience.is_over()
    clock.now += 0.1
    assert patience.is_over()
    assert patience.why == "nothing happened for 60 s"


def test_what_changes_for_ever_is_over_in_the_end() -> None:
    clock = Clock()
    patience = Patience(clock, silence=60, longest=900, clock=clock)
    while clock.now < 900:
        clock.now += 10
        assert not patience.is_over()
    clock.now += 1
    assert patience.is_over()
    assert patience.why == "it took longer than 900 s"


def test_a_process_that_works_shows_signs_and_one_that_sleeps_or_has_gone_shows_none(tmp_path: Path) -> None:
    own = cpu_time(os.getpid())
    while cpu_time(os.getpid()) == own:
        sum(range(100_000))
    with subprocess.Popen(["/bin/sleep", "60"]) as sleeper:
        asleep = cpu_time(sleeper.pid)
        assert asleep == cpu_time(sleeper.pid) != ""
        sleeper.kill()
    assert cpu_time(sleeper.pid) == ""
    log = tmp_path / "log"
    assert log_length(log) == 0
    log.write_text("ready")
    assert log_length(log) == 5
