"""What the reconciliation is told by ticketing, and that a refused payment stays refused."""

from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from subgraphs.chassis.database import Database
from subgraphs.ticketing.tables import refused_payments, reservations

from .conftest import FEE, LAWN, PRICE, SEATS, STAND, Service, end_hold

TOTAL = PRICE + FEE
FACTS = "reservationId customerId status ageSeconds quantity totalMinor paymentId tickets cursor"


async def unsettled(service: Service, grace: int = 0, **more: Any) -> list[dict[str, Any]]:
    document = f"""query ($first: Int!, $grace: Int!, $after: String) {{
        unsettledReservations(first: $first, graceSeconds: $grace, after: $after) {{ {FACTS} }} }}"""
    given = {"first": 100, "grace": grace, **more}
    found = (await service.data(document, given, caller="workers"))["unsettledReservations"]
    return list(found)


async def settle(service: Service, *settled: tuple[UUID, str]) -> int:
    given = [{"reservationId": str(id_), "status": status} for id_, status in settled]
    document = "mutation ($s: [SettledReservationInput!]!) { settleReservations(settled: $s) }"
    return int((await service.data(document, {"s": given}, caller="workers"))["settleReservations"])


async def test_a_refused_payment_buys_nothing_when_the_units_are_free_again(service: Service, db: Database) -> None:
    """Its money is on its way back; another payment buys them."""
    ana, bob, late = uuid4(), uuid4(), uuid4()
    reservation = await service.held(ana, STAND, 1, seats=[SEATS[0]])
    await end_hold(db, reservation)
    assert await service.expire(reservation, ana) == "EXPIRED"
    others = await service.held(bob, STAND, 1, seats=[SEATS[0]])
    refused = {"status": "UNITS_TAKEN", "order": None}
    assert await service.confirm(reservation, ana, TOTAL, late) == refused
    await service.cancel(others, bob)
    assert await service.confirm(reservation, ana, TOTAL, late) == refused
    assert (await service.confirm(reservation, ana, TOTAL))["status"] == "CONFIRMED"
    async with db.connect() as connection:
        kept = (await connection.execute(sa.select(refused_payments.c.payment_id))).scalars().all()
    assert kept == [late]


async def test_what_could_be_finished_is_unsettled_until_it_is_found_in_order(service: Service, db: Database) -> None:
    """Holds that last are not; a status that follows makes it unsettled again."""
    ana, payment = uuid4(), uuid4()
    sold, over, lasting = [await service.held(ana, LAWN) for _ in range(3)]
    await service.confirm(sold, ana, TOTAL, payment)
    await end_hold(db, over)
    found = {UUID(row["reservationId"]): row for row in await unsettled(service)}
    assert set(found) == {sold, over}
    assert lasting not in found
    assert found[sold] | {"cursor": "", "ageSeconds": 0} == {
        "reservationId": str(sold),
        "customerId": str(ana),
        "status": "CONFIRMED",
        "ageSeconds": 0,
        "quantity": 1,
        "totalMinor": TOTAL,
        "paymentId": str(payment),
        "tickets": 1,
        "cursor": "",
    }
    assert (found[over]["status"], found[over]["paymentId"], found[over]["tickets"]) == ("HELD", None, 0)
    assert await unsettled(service, grace=30) == []
    # What has changed meanwhile is not noted.
    assert await settle(service, (sold, "CONFIRMED"), (over, "EXPIRED")) == 1
    assert [row["reservationId"] for row in await unsettled(service)] == [str(over)]
    await service.cancel(sold, ana)
    assert {row["status"] for row in await unsettled(service)} == {"HELD", "CANCELLED"}


async def test_pages_of_what_is_unsettled_go_by_age(service: Service, db: Database) -> None:
    """Ten of them by threes, also under a plan that knows nothing of the values; an index finds them."""
    wanted = []
    for seconds in range(10):
        reservation = await service.held(uuid4(), LAWN if seconds % 2 else STAND)
        await end_hold(db, reservation, -seconds - 1)
        wanted.insert(0, str(reservation))
        assert await service.expire(reservation, uuid4()) == "NOT_FOUND"
    found: list[str] = []
    page = await unsettled(service, first=3)
    while page:
        found += [row["reservationId"] for row in page]
        page = await unsettled(service, first=3, after=page[-1]["cursor"])
    assert found == wanted
    async with db.transaction() as connection:
        await connection.execute(sa.text("SET LOCAL plan_cache_mode = force_generic_plan"))
        await connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
        plan = await connection.execute(
            sa.text(
                "EXPLAIN SELECT id FROM reservations WHERE settled_status IS DISTINCT FROM status"
                " AND status IN ('HELD', 'AWAITING_PAYMENT', 'CONFIRMED', 'EXPIRED', 'CANCELLED')"
                " AND settled_from <= clock_timestamp() ORDER BY settled_from, id LIMIT 10"
            )
        )
        assert "ix_reservations_unsettled" in "\n".join(plan.scalars())


async def test_facts_are_given_of_any_reservation_by_its_id(service: Service, db: Database) -> None:
    reservation = await service.held(uuid4(), LAWN)
    document = f"query ($ids: [ID!]!) {{ reservationFacts(ids: $ids) {{ {FACTS} }} }}"
    given = {"ids": [str(reservation), str(uuid4())]}
    [facts] = (await service.data(document, given, caller="workers"))["reservationFacts"]
    assert (facts["status"], facts["ageSeconds"] < 0) == ("HELD", True)
    async with db.connect() as connection:
        due = await connection.scalar(sa.select(reservations.c.settled_from == reservations.c.held_until))
    assert due is True


@pytest.mark.parametrize(
    ("document", "variables", "code"),
    [
        ("{ unsettledReservations(first: 0) { status } }", {}, "BAD_USER_INPUT"),
        ("{ unsettledReservations(graceSeconds: -1) { status } }", {}, "BAD_USER_INPUT"),
        ('{ unsettledReservations(after: "garbage") { status } }', {}, "BAD_USER_INPUT"),
        ('{ reservationFacts(ids: ["garbage"]) { status } }', {}, "BAD_USER_INPUT"),
        (
            "query ($ids: [ID!]!) { reservationFacts(ids: $ids) { status } }",
            {"ids": [str(uuid4())] * 101},
            "BAD_USER_INPUT",
        ),
        (
            'mutation { settleReservations(settled: [{ reservationId: "x", status: HELD }]) }',
            {},
            "BAD_USER_INPUT",
        ),
    ],
)
async def test_bad_input_is_the_callers_fault(
    service: Service, document: str, variables: dict[str, Any], code: str
) -> None:
    answer = await service(document, variables, caller="workers")
    assert answer["errors"][0]["extensions"]["code"] == code


@pytest.mark.parametrize(
    "document",
    [
        "{ unsettledReservations { status } }",
        "{ reservationFacts(ids: []) { status } }",
        "mutation { settleReservations(settled: []) }",
    ],
)
async def test_only_workers_are_told(service: Service, document: str) -> None:
    answer = await service(document, caller="gateway", customer=uuid4())
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
