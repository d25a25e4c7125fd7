"""`bilhetagem reconcile`: what a person is told, and with what status it ends."""

from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.local.cli import app
from infra.local.commands.reconcile import show
from workers.reconcile.findings import Kind
from workers.reconcile.report import Report, Unsettled


def test_without_a_platform_it_says_so_and_changes_nothing(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["reconcile", "--home", str(tmp_path / "home")])
    assert told.exit_code == 1
    assert "No platform runs" in told.output
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("grace", ["-1", "86401", "soon"])
def test_a_grace_that_is_none_is_refused(tmp_path: Path, grace: str) -> None:
    assert CliRunner().invoke(app, ["reconcile", "--grace", grace, "--home", str(tmp_path)]).exit_code == 2


def test_a_run_is_told_kind_by_kind(capsys: pytest.CaptureFixture[str]) -> None:
    """What was found and done in a table; what is left, by its id and with its reason, apart from it."""
    report = Report(
        found=Counter({Kind.PAYMENT_UNPLACED: 3, Kind.REFUND_UNFINISHED: 1, Kind.ORDER_OVERDUE: 0}),
        done=Counter({Kind.PAYMENT_UNPLACED: 2}),
        unsettled=[
            Unsettled(Kind.PAYMENT_UNPLACED, "4711", "PermanentFault: refused", passing=False),
            Unsettled(Kind.REFUND_UNFINISHED, "4712", "TransientFault: away", passing=True),
        ],
        in_order=12,
        unfinished="ticketing could not be reached",
    )
    show(report, dry_run=False)
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        "     3  payment unplaced          2 done",
        "     1  refund unfinished         0 done",
        "    12  reservations found in order",
    ]
    assert told.err.splitlines() == [
        "payment unplaced 4711: needs a person: PermanentFault: refused",
        "refund unfinished 4712: not now: TransientFault: away",
        "Not everything was looked at: ticketing could not be reached. Run it again.",
    ]
    assert not report.is_clean


def test_a_dry_run_claims_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    show(Report(found=Counter({Kind.HOLD_OVERDUE: 2})), dry_run=True)
    assert capsys.readouterr().out.splitlines()[0] == "     2  hold overdue"
    show(Report(in_order=1), dry_run=True)
    assert capsys.readouterr().out.startswith("Nothing is left to do.")
