"""The reconciliation beside a platform that works: it disturbs nobody, and what lost its flow is found."""

from base64 import b64decode
from typing import Any

import boto3
import pytest

from infra.local import ministack, reconciliation
from tests.journeys.front_door import Shopper, eventually
from tests.journeys.purchase import await_status, held, pay, sectors

pytestmark = pytest.mark.journey


def aws(running: Any, service: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=running.status["aws"],
        region_name=ministack.REGION,
        aws_access_key_id=ministack.CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ministack.CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )


def reconcile(running: Any) -> Any:
    return reconciliation.reconcile(running.home, grace_seconds=0)


def test_a_purchase_goes_on_while_everything_is_reconciled_again_and_again(ana: Shopper, running: Any) -> None:
    """Nobody waits for whom: the same tickets, one charge, one mail."""
    _, session, sector = next(row for row in sectors(ana) if not row[2]["numbered"])
    reservation = held(ana, session["id"], sector["id"])
    payment = pay(ana, reservation["id"])["payment"]
    running.pay(payment["id"])
    for _ in range(3):
        assert reconcile(running).alarming == 0
    await_status(ana, reservation["id"], "CONFIRMED")
    query = "query($r: ID!) { reservation(id: $r) { tickets { id } payment { status } } }"
    found = ana.data(query, r=reservation["id"])["reservation"]
    assert (len(found["tickets"]), found["payment"]["status"]) == (1, "SUCCEEDED")


def test_a_hold_whose_execution_was_aborted_is_ended_and_told(ana: Shopper, running: Any) -> None:
    """Nobody waits for its end any more; the charge is closed, the units are free, and the buyer hears of it."""
    _, session, sector = next(row for row in sectors(ana) if not row[2]["numbered"])
    reservation = held(ana, session["id"], sector["id"])
    payment = pay(ana, reservation["id"])["payment"]
    own_id = b64decode(reservation["id"]).decode().partition(":")[2]
    machines = aws(running, "stepfunctions")
    arn = f"arn:aws:states:{ministack.REGION}:{ministack.ACCOUNT}:execution:bilhetagem-reservation-flow:{own_id}"
    eventually(lambda: machines.describe_execution(executionArn=arn)["status"] == "RUNNING")
    machines.stop_execution(executionArn=arn)
    running.end_hold(reservation["id"])
    await_status(ana, reservation["id"], "EXPIRED")

    def is_told() -> bool:
        assert reconcile(running).alarming == 0
        query = "query($r: ID!) { reservation(id: $r) { payment { id status } } }"
        closed = ana.data(query, r=reservation["id"])["reservation"]["payment"]
        return closed is None or (closed["id"], closed["status"]) == (payment["id"], "CANCELLED")

    eventually(is_told, within=60, every=1)
