"""What costs nothing is sold without a payment, and only that."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from subgraphs.chassis.database import Database

from .conftest import Service, end_hold

SETTLE = """mutation ($input: SettleFreeReservationInput!) {
    settleFreeReservation(input: $input) { errors { code field } } }"""
CONFIRM = """mutation ($input: ConfirmReservationInput!) {
    confirmReservation(input: $input) { status order { totalMinor tickets { id } } } }"""


@pytest.fixture
async def free(db: Database) -> None:
    async with db.transaction() as connection:
        await connection.execute(sa.text("UPDATE sectors SET price_minor = 0, service_fee_minor = 0"))


async def settle(service: Service, reservation: UUID, customer: UUID | None) -> list[str]:
    answer = await service.data(SETTLE, {"input": {"reservationId": str(reservation)}}, customer=customer)
    return [error["code"] for error in answer["settleFreeReservation"]["errors"]]


async def confirm(service: Service, reservation: UUID, customer: UUID, **given: Any) -> Any:
    wanted = {"reservationId": str(reservation), "customerId": str(customer), "amountMinor": 0, "currency": "BRL"}
    return (await service.data(CONFIRM, {"input": {**wanted, **given}}, caller="workers"))["confirmReservation"]


@pytest.mark.usefixtures("free")
async def test_what_costs_nothing_is_sold_without_a_payment(
    service: Service, db: Database, published: Callable[[], Any]
) -> None:
    customer = uuid4()
    reservation = await service.held(customer, quantity=2)
    await service.checkout(reservation, customer)
    for _ in range(2):
        assert await settle(service, reservation, customer) == []
    settled = [event for event in await published() if event["type"] == "reservation.settled"]
    assert [event["data"]["reservation_id"] for event in settled] == [str(reservation)]
    for _ in range(2):
        outcome = await confirm(service, reservation, customer)
        assert (outcome["status"], outcome["order"]["totalMinor"]) == ("CONFIRMED", 0)
        assert len(outcome["order"]["tickets"]) == 2
    assert await service.status(reservation, customer) == "CONFIRMED"
    assert await settle(service, reservation, customer) == []
    # A charge for popcorn that was declined again, and is paid all the same: it goes back.
    assert (await confirm(service, reservation, customer, paymentId=str(uuid4()), amountMinor=500))["status"] == (
        "DUPLICATE_PAYMENT"
    )
    assert (await service.cancel(reservation, customer))["errors"] == []
    (cancelled,) = [event for event in await published() if event["type"] == "reservation.cancelled"]
    assert "paid_payment_id" not in cancelled["data"]


async def test_what_has_a_price_is_never_free(service: Service, db: Database) -> None:
    customer = uuid4()
    reservation = await service.held(customer)
    assert await settle(service, reservation, customer) == ["AMOUNT_MISMATCH"]
    assert (await confirm(service, reservation, customer))["status"] == "AMOUNT_MISMATCH"
    assert (await confirm(service, reservation, customer, amountMinor=1_000_000))["status"] == "AMOUNT_MISMATCH"
    assert await service.status(reservation, customer) == "HELD"


@pytest.mark.usefixtures("free")
async def test_a_free_reservation_is_its_buyers_while_it_is_held(service: Service, db: Database) -> None:
    customer = uuid4()
    over = await service.held(customer)
    await end_hold(db, over)
    cancelled = await service.held(customer)
    await service.cancel(cancelled, customer)
    assert await settle(service, over, customer) == ["EXPIRED"]
    assert await settle(service, cancelled, customer) == ["INVALID_STATE"]
    assert await settle(service, over, uuid4()) == ["NOT_FOUND"]
    assert await settle(service, over, None) == ["UNAUTHENTICATED"]
