"""Every part of the platform is killed once, while the others go on answering, and selling goes on afterwards."""

import os
import signal
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.local.cli import app
from infra.local.parts import State
from tests.journeys.front_door import Shopper, eventually
from tests.journeys.purchase import await_status, held, pay, sectors

pytestmark = pytest.mark.journey
PARTS = (
    *("ticketing", "payments", "concessions", "customers", "notifications", "suggestions"),
    *("sandbox", "mailbox", "ministack", "postgres", "gateway"),
)
RESTART_SECONDS = 300


@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_is_killed_comes_back_by_itself(name: str, ana: Shopper, running: Any) -> None:
    before = running.parts
    os.kill(before[name].pid, signal.SIGKILL)
    if name != "gateway":
        assert ana.ask("{ __typename }") == {"data": {"__typename": "Query"}}

    def is_back() -> bool:
        part = running.parts[name]
        return part.restarts > before[name].restarts and part.state is State.READY

    eventually(is_back, within=RESTART_SECONDS)
    others = {other: part for other, part in running.parts.items() if other != name}
    assert {other: part.pid for other, part in others.items()} == {
        other: part.pid for other, part in before.items() if other != name
    }
    told = CliRunner().invoke(app, ["status", "--home", str(running.directory)]).output
    assert f"started again {before[name].restarts + 1} ×" in told
    assert f"{name} was killed by SIGKILL" in told


def test_after_all_of_that_a_purchase_goes_well(ana: Shopper, running: Any) -> None:
    """Every service has had its databases, the emulated AWS and its neighbours taken away once."""
    eventually(lambda: "errors" not in ana.ask("{ me { name } events(first: 1) { edges { cursor } } }"), within=120)
    event, session, sector = next(row for row in sectors(ana) if not row[2]["numbered"])
    known = {mail["id"] for mail in running.messages()}
    reservation = held(ana, session["id"], sector["id"])
    running.pay(pay(ana, reservation["id"])["payment"]["id"])
    await_status(ana, reservation["id"], "CONFIRMED")
    eventually(
        lambda: [mail for mail in running.messages() if mail["id"] not in known and event["name"] in str(mail)],
        within=120,
    )
