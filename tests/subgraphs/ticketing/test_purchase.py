"""From a request to a ticket at the gate: each step, its repetition, and its refusals."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
import segno
import sqlalchemy as sa

from subgraphs.chassis.database import Database
from subgraphs.chassis.graphql import global_id
from subgraphs.ticketing.tables import sectors, sessions
from tests.subgraphs.ticketing.conftest import (
    EVENT,
    FEE,
    LAWN,
    PLACES,
    PRICE,
    SEATS,
    SESSION,
    STAND,
    VENUE,
    Service,
    counters,
    end_hold,
    wanted,
)

TOTAL = PRICE + FEE


async def reject(service: Service, customer: UUID, **request: Any) -> tuple[str, dict[str, Any]]:
    """(status, rejection) of a request."""
    [outcome] = await service.allocate(wanted(customer, **request))
    answer = await service.data(
        """query ($id: ID!) { reservation(id: $id) { rejection { __typename code field message
            ... on SoldOut { available } ... on SeatUnavailable { seatIds }
            ... on TicketLimitReached { limit } } } }""",
        {"id": global_id.encode("Reservation", UUID(outcome["reservationId"]))},
        customer=customer,
    )
    return outcome["status"], answer["reservation"]["rejection"]


async def test_from_the_request_to_the_ticket(service: Service, db: Database, published: Callable[[], Any]) -> None:
    """Held, checked out, paid with concessions on top: two tickets, one event for each step, honest counters."""
    ana = uuid4()
    reservation = await service.held(ana, STAND, 2, seats=[SEATS[4], SEATS[1]])
    assert await counters(db, STAND) == (2, 0)
    begun = await service.checkout(reservation, ana)
    assert begun["errors"] == []
    assert begun["checkout"] == {
        "reservationId": str(reservation),
        "totalMinor": 2 * TOTAL,
        "currency": "BRL",
        "heldUntil": begun["checkout"]["heldUntil"],
        "venueId": str(VENUE),
        "sessionId": str(SESSION),
        "eventId": str(EVENT),
        "eventName": "Palmeiras × Santos",
        "sessionDay": (datetime.now(ZoneInfo("America/Sao_Paulo")) + timedelta(days=3)).date().isoformat(),
    }
    assert datetime.fromisoformat(begun["checkout"]["heldUntil"]) > datetime.now(UTC)
    assert await service.checkout(reservation, ana) == begun
    payment = uuid4()
    confirmed = await service.confirm(reservation, ana, 2 * TOTAL + 4_500, payment)
    assert confirmed["status"] == "CONFIRMED"
    order = confirmed["order"]
    assert order["units"] == ["A-2", "A-5"]
    assert order["totalMinor"] == 2 * TOTAL
    assert (order["eventId"], order["sessionId"], order["venueName"]) == (str(EVENT), str(SESSION), "Arena")
    assert len({ticket["code"] for ticket in order["tickets"]}) == 2
    assert await counters(db, STAND) == (0, 2)
    # the same payment again changes nothing and says the same; another one is a duplicate
    assert await service.confirm(reservation, ana, 2 * TOTAL + 4_500, payment) == confirmed
    assert await service.confirm(reservation, ana, 2 * TOTAL) == {"status": "DUPLICATE_PAYMENT", "order": None}
    assert await service.expire(reservation, ana) == "CONFIRMED"
    assert [event["type"] for event in await published()] == [
        "reservation.held",
        "reservation.awaiting_payment",
        "reservation.confirmed",
    ]
    shown = await service.data(
        """query ($id: ID!) { reservation(id: $id) { status heldUntil pollAfterMs quantity total { amountMinor }
            ticketsTotal { amountMinor } feesTotal { amountMinor } units { id label state } rejection { code }
            session { event { name } } sector { name }
            tickets { id code status qrPayload qrCodeSvg unit { label } session { venue { city } } } } }""",
        {"id": global_id.encode("Reservation", reservation)},
        customer=ana,
    )
    mine = shown["reservation"]
    tickets = mine.pop("tickets")
    assert mine == {
        "status": "CONFIRMED",
        "heldUntil": None,
        "pollAfterMs": None,
        "quantity": 2,
        "total": {"amountMinor": 2 * TOTAL},
        "ticketsTotal": {"amountMinor": 2 * PRICE},
        "feesTotal": {"amountMinor": 2 * FEE},
        "units": [
            {"id": global_id.encode("Unit", SEATS[1]), "label": "A-2", "state": "SOLD"},
            {"id": global_id.encode("Unit", SEATS[4]), "label": "A-5", "state": "SOLD"},
        ],
        "rejection": None,
        "session": {"event": {"name": "Palmeiras × Santos"}},
        "sector": {"name": "Arquibancada"},
    }
    assert [ticket["unit"]["label"] for ticket in tickets] == ["A-2", "A-5"]
    assert [ticket["qrPayload"] for ticket in tickets] == [ticket["qrPayload"] for ticket in order["tickets"]]
    assert all(ticket["status"] == "ISSUED" and ticket["qrCodeSvg"].startswith("<svg") for ticket in tickets)


# A drawing is 8 to 25 ms of computing: a hundred aliases for one ticket held the service up for seconds.
async def test_a_ticket_is_drawn_once_however_often_it_is_asked_for(
    service: Service, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    make_qr = segno.make_qr

    def counted(payload: str, **options: Any) -> Any:
        assert threading.current_thread() is not threading.main_thread()
        drawn.append(payload)
        return make_qr(payload, **options)

    monkeypatch.setattr(segno, "make_qr", counted)
    ana = uuid4()
    reservation = await service.held(ana, LAWN, 2)
    await service.checkout(reservation, ana)
    await service.confirm(reservation, ana, 2 * TOTAL)
    drawings = " ".join(f"a{number}: qrCodeSvg" for number in range(100))
    shown = await service.data(
        f"query ($id: ID!) {{ reservation(id: $id) {{ tickets {{ qrPayload {drawings} }} }} }}",
        {"id": global_id.encode("Reservation", reservation)},
        customer=ana,
    )
    tickets = shown["reservation"]["tickets"]
    assert sorted(drawn) == sorted(ticket["qrPayload"] for ticket in tickets)
    assert [len(set(ticket.values())) for ticket in tickets] == [2, 2]


async def test_a_request_that_comes_again_gets_the_stored_outcome(
    service: Service, db: Database, published: Callable[[], Any]
) -> None:
    """The same message, and the same key with another id, hold nothing twice."""
    ana = uuid4()
    request = wanted(ana, LAWN, 2)
    first = await service.allocate(request)
    assert await service.allocate(request) == first
    assert await service.allocate(request, request) == first * 2
    [other] = await service.allocate({**request, "reservationId": str(uuid4())})
    assert other == first[0]
    assert await counters(db, LAWN) == (2, 0)
    assert len(await published()) == 1


async def test_another_customers_id_is_never_answered_with_their_reservation(service: Service) -> None:
    ana, eve = uuid4(), uuid4()
    reservation = await service.held(ana)
    [outcome] = await service.allocate(wanted(eve, reservationId=str(reservation)))
    assert outcome == {"reservationId": str(reservation), "status": "REJECTED_INVALID", "heldUntil": None}
    assert await service.status(reservation, ana) == "HELD"


async def test_a_batch_is_decided_in_its_order(service: Service, db: Database) -> None:
    """Five places: whoever comes when too few are left is refused, a smaller request after it is not."""
    outcomes = await service.allocate(
        wanted(uuid4(), LAWN, 3, sequence=1),
        wanted(uuid4(), LAWN, 3, sequence=2),
        wanted(uuid4(), LAWN, 2, sequence=3),
        wanted(uuid4(), LAWN, 1, sequence=4),
        wanted(uuid4(), STAND, 1, sequence=1),
    )
    assert [outcome["status"] for outcome in outcomes] == [
        "HELD",
        "REJECTED_SOLD_OUT",
        "HELD",
        "REJECTED_SOLD_OUT",
        "HELD",
    ]
    assert await counters(db, LAWN) == (5, 0)


async def test_why_a_request_is_refused_is_told_with_facts(service: Service, db: Database) -> None:
    ana, bob = uuid4(), uuid4()
    await service.held(bob, STAND, 1, seats=[SEATS[0]])
    status, rejection = await reject(service, ana, sector=STAND, quantity=2, seats=[SEATS[0], SEATS[1]])
    assert status == "REJECTED_SOLD_OUT"
    assert (rejection["__typename"], rejection["code"]) == ("SeatUnavailable", "SEAT_UNAVAILABLE")
    assert rejection["seatIds"] == [global_id.encode("Unit", SEATS[0])]
    await service.held(bob, LAWN, 3)
    status, rejection = await reject(service, ana, quantity=3)
    assert (status, rejection["__typename"], rejection["available"]) == ("REJECTED_SOLD_OUT", "SoldOut", 2)
    await service.held(ana, STAND, 3)
    status, rejection = await reject(service, ana, quantity=2)
    assert (status, rejection["__typename"], rejection["limit"]) == ("REJECTED_INVALID", "TicketLimitReached", 4)
    assert (await counters(db, STAND), await counters(db, LAWN)) == ((4, 0), (3, 0))


@pytest.mark.parametrize(
    ("request_", "code", "field"),
    [
        ({"quantity": 0}, "INVALID_INPUT", "quantity"),
        ({"quantity": 11}, "INVALID_INPUT", "quantity"),
        ({"sector": STAND, "quantity": 2, "seats": [SEATS[0]]}, "INVALID_INPUT", "seatIds"),
        ({"sector": STAND, "quantity": 2, "seats": [SEATS[0], SEATS[0]]}, "INVALID_INPUT", "seatIds"),
        ({"seats": [PLACES[0]]}, "INVALID_INPUT", "seatIds"),
        ({"sector": STAND, "seats": [PLACES[0]]}, "NOT_FOUND", "seatIds"),
        ({"sector": UUID(int=7)}, "NOT_FOUND", "sectorId"),
        ({"sessionId": str(UUID(int=7))}, "NOT_FOUND", "sectorId"),
    ],
)
async def test_a_request_for_what_cannot_be_is_kept_as_rejected(
    service: Service, request_: dict[str, Any], code: str, field: str
) -> None:
    status, rejection = await reject(service, uuid4(), **request_)
    assert (status, rejection["code"], rejection["field"]) == ("REJECTED_INVALID", code, field)


@pytest.mark.parametrize(
    "change", [{"status": "SALES_CLOSED"}, {"status": "CANCELLED"}, {"starts_at": datetime(2020, 1, 1, tzinfo=UTC)}]
)
async def test_nothing_is_held_when_sales_are_over(service: Service, db: Database, change: dict[str, Any]) -> None:
    async with db.transaction() as connection:
        await connection.execute(sessions.update().values(**change))
    status, rejection = await reject(service, uuid4())
    assert (status, rejection["code"]) == ("REJECTED_INVALID", "SALES_CLOSED")


async def test_messages_speak_the_readers_language(service: Service) -> None:
    ana = uuid4()
    [outcome] = await service.allocate(wanted(ana, LAWN, 9))
    document = "query ($id: ID!) { reservation(id: $id) { rejection { message } } }"
    said = [
        (
            await service.data(
                document,
                {"id": global_id.encode("Reservation", UUID(outcome["reservationId"]))},
                customer=ana,
                language=language,
            )
        )["reservation"]["rejection"]["message"]
        for language in ("pt-BR", "en")
    ]
    assert said[0] != said[1]


async def test_a_hold_that_is_over_is_worth_nothing(
    service: Service, db: Database, published: Callable[[], Any]
) -> None:
    """By its predicate, before anybody tidies up: shown as expired, its seats free to be seen and to be taken."""
    ana, bob = uuid4(), uuid4()
    reservation = await service.held(ana, STAND, 1, seats=[SEATS[0]])
    await end_hold(db, reservation)
    assert await service.status(reservation, ana) == "EXPIRED"
    assert [error["code"] for error in (await service.checkout(reservation, ana))["errors"]] == ["EXPIRED"]
    assert [error["code"] for error in (await service.cancel(reservation, ana))["errors"]] == ["EXPIRED"]
    seen = await service.data(
        "query ($id: ID!) { session(id: $id) { sectors { available seats(first: 1) { edges { node { state } } } } } }",
        {"id": global_id.encode("Session", SESSION)},
    )
    assert seen["session"]["sectors"][0] == {"available": 6, "seats": {"edges": [{"node": {"state": "FREE"}}]}}
    await service.held(bob, STAND, 1, seats=[SEATS[0]])
    assert await counters(db, STAND) == (1, 0)
    assert [event["type"] for event in await published()] == [
        "reservation.held",
        "reservation.expired",
        "reservation.held",
    ]


async def test_room_is_made_from_holds_that_are_over(service: Service, db: Database) -> None:
    """A full lawn whose holds are over is not sold out."""
    for reservation in [await service.held(customer, LAWN, n) for customer, n in ((uuid4(), 2), (uuid4(), 3))]:
        await end_hold(db, reservation)
    await service.held(uuid4(), LAWN, 4)
    assert await counters(db, LAWN) == (4, 0)


async def test_expiring_is_refused_before_its_time_and_harmless_after(service: Service, db: Database) -> None:
    ana = uuid4()
    reservation = await service.held(ana)
    assert await service.expire(reservation, ana) == "HELD"
    assert await service.expire(reservation, uuid4()) == "NOT_FOUND"
    await end_hold(db, reservation)
    assert [await service.expire(reservation, ana) for _ in range(2)] == ["EXPIRED", "EXPIRED"]
    assert await counters(db, LAWN) == (0, 0)


async def test_the_sweep_ends_what_is_over_and_nothing_else(service: Service, db: Database) -> None:
    over, live = await service.held(uuid4(), LAWN, 2), await service.held(uuid4(), STAND, 1)
    await end_hold(db, over)
    sweep = "mutation { sweepExpiredHolds(limit: 10) }"
    assert await service.data(sweep, caller="workers") == {"sweepExpiredHolds": 1}
    assert await service.data(sweep, caller="workers") == {"sweepExpiredHolds": 0}
    assert (await counters(db, LAWN), await counters(db, STAND)) == ((0, 0), (1, 0))
    assert live


async def test_a_late_payment_gets_the_same_units_or_its_money_back(service: Service, db: Database) -> None:
    """Free again: sold to whoever paid late. Somebody else's by now: UNITS_TAKEN, and nothing changes."""
    ana, bob = uuid4(), uuid4()
    late, too_late = await service.held(ana, STAND, 1, seats=[SEATS[0]]), await service.held(ana, STAND, 1)
    for reservation in (late, too_late):
        await end_hold(db, reservation)
    assert await service.expire(late, ana) == "EXPIRED"
    await service.held(bob, STAND, 1, seats=[SEATS[1]])
    confirmed = await service.confirm(late, ana, TOTAL)
    assert (confirmed["status"], confirmed["order"]["units"]) == ("CONFIRMED", ["A-1"])
    assert await service.confirm(too_late, ana, TOTAL) == {"status": "UNITS_TAKEN", "order": None}
    assert await counters(db, STAND) == (1, 1)


async def test_a_late_payment_does_not_get_around_the_ticket_limit(service: Service, db: Database) -> None:
    """Of four, the buyer has three again by the time the money for two comes: neither sold nor held, and given back."""
    ana = uuid4()
    late = await service.held(ana, STAND, 2)
    await end_hold(db, late)
    assert await service.expire(late, ana) == "EXPIRED"
    again = await service.held(ana, LAWN, 3)
    assert await service.confirm(late, ana, 2 * TOTAL) == {"status": "UNITS_TAKEN", "order": None}
    assert await service.status(late, ana) == "EXPIRED"
    assert (await counters(db, STAND), await counters(db, LAWN)) == ((0, 0), (3, 0))
    # What fits is sold: the limit is four, not "no more than one at a time".
    await service.cancel(again, ana)
    assert (await service.confirm(late, ana, 2 * TOTAL))["status"] == "CONFIRMED"
    assert await counters(db, STAND) == (0, 2)


async def test_a_payment_that_does_not_fit_sells_nothing(service: Service, db: Database) -> None:
    ana = uuid4()
    reservation = await service.held(ana, LAWN, 2)
    assert await service.confirm(reservation, ana, 2 * TOTAL - 1) == {"status": "AMOUNT_MISMATCH", "order": None}
    assert await service.confirm(reservation, uuid4(), 2 * TOTAL) == {"status": "NOT_FOUND", "order": None}
    assert await counters(db, LAWN) == (2, 0)
    await service.cancel(reservation, ana)
    assert await service.confirm(reservation, ana, 2 * TOTAL) == {"status": "CANCELLED", "order": None}


async def test_giving_back_frees_the_units_and_asks_for_the_refund(
    service: Service, db: Database, published: Callable[[], Any]
) -> None:
    """A hold, then bought tickets: each once, and only the bought one names a payment to refund."""
    ana, payment = uuid4(), uuid4()
    hold, bought = await service.held(ana, LAWN, 1), await service.held(ana, LAWN, 2)
    await service.confirm(bought, ana, 2 * TOTAL, payment)
    for reservation in (hold, bought):
        cancelled = {"id": global_id.encode("Reservation", reservation), "status": "CANCELLED"}
        assert await service.cancel(reservation, ana, key=str(reservation)) == {"reservation": cancelled, "errors": []}
        assert await service.cancel(reservation, ana, key=str(reservation)) == {"reservation": cancelled, "errors": []}
    assert await counters(db, LAWN) == (0, 0)
    told = [event["data"].get("paid_payment_id") for event in await published() if event["type"].endswith("cancelled")]
    assert told == [None, str(payment)]
    again = await service.cancel(hold, ana, key=str(bought))
    assert [(error["__typename"], error["code"]) for error in again["errors"]] == [
        ("IdempotencyKeyReused", "IDEMPOTENCY_KEY_REUSED")
    ]
    refused = await service.checkout(hold, ana)
    assert [error["code"] for error in refused["errors"]] == ["INVALID_STATE"]


async def test_giving_back_is_refused_typed(service: Service, db: Database) -> None:
    ana = uuid4()
    bought = await service.held(ana)
    await service.confirm(bought, ana, TOTAL)

    async def codes(reservation: UUID, customer: UUID | None, key: str | None = None) -> list[str]:
        return [error["code"] for error in (await service.cancel(reservation, customer, key))["errors"]]

    assert await codes(bought, None) == ["UNAUTHENTICATED"]
    assert await codes(bought, uuid4()) == await codes(uuid4(), ana) == ["NOT_FOUND"]
    assert await codes(bought, ana, key="") == ["INVALID_INPUT"]
    async with db.transaction() as connection:
        await connection.execute(sessions.update().values(starts_at=sa.func.now()))
    assert await codes(bought, ana) == ["INVALID_STATE"]
    assert await service.status(bought, ana) == "CONFIRMED"


async def test_internal_operations_are_for_their_callers_alone(service: Service) -> None:
    """Neither does the gateway speak as the workers, nor the workers as the gateway."""
    for document, caller in (
        ("mutation { sweepExpiredHolds }", "gateway"),
        ("mutation { allocateReservations(requests: []) { status } }", "gateway"),
        ("{ purchaseHistory { quantity } }", "workers"),
    ):
        answer = await service(document, caller=caller, customer=uuid4())
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN", document


async def test_the_price_of_the_hold_is_what_is_paid(service: Service, db: Database) -> None:
    """A sector that becomes dearer does not make a hold dearer."""
    ana = uuid4()
    reservation = await service.held(ana)
    async with db.transaction() as connection:
        await connection.execute(sectors.update().values(price_minor=99_000))
    assert (await service.checkout(reservation, ana))["checkout"]["totalMinor"] == TOTAL


async def test_what_was_bought_is_the_customers_history(service: Service) -> None:
    ana = uuid4()
    bought, returned = await service.held(ana, LAWN, 2), await service.held(ana)
    for reservation, quantity in ((bought, 2), (returned, 1)):
        await service.confirm(reservation, ana, quantity * TOTAL)
    await service.held(ana)
    await service.cancel(returned, ana)
    history = await service.data("{ purchaseHistory(first: 50) { event { id } quantity purchasedAt } }", customer=ana)
    assert [(row["event"]["id"], row["quantity"]) for row in history["purchaseHistory"]] == [
        (global_id.encode("Event", EVENT), 2)
    ]


async def test_what_the_business_counts_is_counted_once(
    service: Service, db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """Reservations by outcome, expired ones and looks at events; a repeated message counts nothing."""
    request = wanted(uuid4(), LAWN, 3)
    [held] = await service.allocate(request)
    await service.allocate(request, wanted(uuid4(), LAWN, 4), wanted(uuid4(), LAWN, 0))
    await end_hold(db, UUID(held["reservationId"]))
    await service.data("mutation { sweepExpiredHolds }", caller="workers")
    await service.data("{ events { edges { cursor } } }")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    counted = Counter(
        (line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], line.get("Status")) for line in lines
    )
    assert counted == {
        ("Reservations", "HELD"): 1,
        ("Reservations", "REJECTED_SOLD_OUT"): 1,
        ("Reservations", "REJECTED_INVALID"): 1,
        ("ReservationsExpired", None): 1,
        ("EventQueries", None): 1,
    }
