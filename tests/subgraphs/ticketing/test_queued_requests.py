"""What gateway and workers ask of ticketing about the line: places, what is served, what is decided, and an end."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from subgraphs.chassis.database import Database
from subgraphs.chassis.graphql import global_id
from subgraphs.ticketing.tables import reservations, sectors
from tests.subgraphs.ticketing.conftest import LAWN, SESSION, STAND, Service, counters, wanted

HIGHEST = 2**128 - 1
FAIL = """mutation ($request: FailedRequest!) { failReservationRequest(request: $request) {
    reservationId status heldUntil } }"""
SERVED = "query ($ids: [ID!]!) { linesServed(sectorIds: $ids) { sessionId sectorId sequence } }"
DECIDED = "query ($ids: [ID!]!) { decidedReservations(reservationIds: $ids) }"
PLACE = """query ($session: ID!, $sector: ID!, $sequence: String!) {
    queuePosition(sessionId: $session, sectorId: $sector, sequence: $sequence) }"""


async def fail(service: Service, request: dict[str, Any]) -> Any:
    names = ("reservationId", "customerId", "sessionId", "sectorId", "quantity", "idempotencyKey")
    given = {name: request[name] for name in names}
    return (await service.data(FAIL, {"request": given}, caller="workers"))["failReservationRequest"]


async def served(service: Service, *sector_ids: UUID) -> dict[str, str]:
    found = await service.data(SERVED, {"ids": [str(each) for each in sector_ids]}, caller="workers")
    assert all(each["sessionId"] == str(SESSION) for each in found["linesServed"])
    return {each["sectorId"]: each["sequence"] for each in found["linesServed"]}


async def test_numbers_of_the_queue_are_kept_to_their_last_digit(service: Service, db: Database) -> None:
    mine = await service.held(uuid4(), LAWN, 1, sequence=HIGHEST)
    assert await served(service, LAWN, STAND, uuid4()) == {str(LAWN): str(HIGHEST), str(STAND): "0"}
    async with db.connect() as connection:
        kept = await connection.scalar(sa.select(reservations.c.sequence).where(reservations.c.id == mine))
        last = await connection.scalar(sa.select(sectors.c.last_served_sequence).where(sectors.c.id == LAWN))
    assert (kept, last) == (HIGHEST, HIGHEST)


@pytest.mark.parametrize("sequence", ["", "-1", "1.5", "1e3", "x", "٣", "1" * 40])
async def test_what_is_no_number_of_a_queue_is_refused(service: Service, sequence: str) -> None:
    request = {**wanted(uuid4(), LAWN), "sequence": sequence}
    document = "mutation ($r: [AllocationRequest!]!) { allocateReservations(requests: $r) { status } }"
    place = {"session": str(SESSION), "sector": str(LAWN), "sequence": sequence}
    for answer in (
        await service(document, {"r": [request]}, caller="workers"),
        await service(PLACE, place, caller="gateway"),
    ):
        assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_the_last_decided_counts_and_a_replay_does_not(service: Service) -> None:
    """A batch that comes again tells of numbers long served."""
    first = wanted(uuid4(), LAWN, 1, sequence=5)
    await service.allocate(first, wanted(uuid4(), LAWN, 9, sequence=8))
    assert await served(service, LAWN) == {str(LAWN): "8"}
    await service.allocate(first)
    assert await served(service, LAWN) == {str(LAWN): "8"}


async def test_the_place_of_who_was_just_queued_is_told_to_the_gateway(
    service: Service, put_in_line: Callable[..., UUID]
) -> None:
    for sequence in (3, 9):
        put_in_line(uuid4(), STAND, sequence=sequence)
    place = {"session": str(SESSION), "sector": str(STAND), "sequence": "9"}
    assert (await service.data(PLACE, place))["queuePosition"] == 2
    answer = await service(PLACE, place, caller="workers")
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_request_that_cannot_be_served_ends_and_its_buyer_is_told_why(
    service: Service, db: Database, published: Callable[[], Any]
) -> None:
    ana = uuid4()
    request = wanted(ana, LAWN, 2)
    outcome = {"reservationId": request["reservationId"], "status": "REJECTED_INVALID", "heldUntil": None}
    assert await fail(service, request) == outcome
    document = "query ($id: ID!) { reservation(id: $id) { status rejection { code message } } }"
    given = {"id": global_id.encode("Reservation", UUID(request["reservationId"]))}
    texts = {
        "pt-BR": "Serviço indisponível no momento. Tente de novo.",
        "en": "Service unavailable right now. Try again.",
    }
    for language, text in texts.items():
        found = (await service.data(document, given, customer=ana, language=language))["reservation"]
        rejection = {"code": "SERVICE_UNAVAILABLE", "message": text}
        assert found == {"status": "REJECTED_INVALID", "rejection": rejection}
    assert [event["type"] for event in await published()] == ["reservation.rejected"]
    assert await fail(service, request) == outcome  # again: nothing more
    assert len(await published()) == 1
    assert [each["status"] for each in await service.allocate(request)] == ["REJECTED_INVALID"]
    assert await counters(db, LAWN) == (0, 0)
    assert await served(service, LAWN) == {str(LAWN): "0"}


async def test_what_was_decided_before_keeps_its_outcome(service: Service, db: Database) -> None:
    request = wanted(uuid4(), LAWN, 2)
    [held] = await service.allocate(request)
    assert await fail(service, request) == held
    assert await counters(db, LAWN) == (2, 0)


@pytest.mark.parametrize(
    "change",
    [{"idempotencyKey": ""}, {"idempotencyKey": "k" * 500}, {"quantity": -7}, {"sectorId": str(uuid4())}],
)
async def test_whatever_was_asked_for_can_be_ended(service: Service, change: dict[str, Any]) -> None:
    assert (await fail(service, {**wanted(uuid4(), LAWN), **change}))["status"] == "REJECTED_INVALID"


async def test_ended_and_allocated_at_once_is_one_outcome_a_hundred_times(service: Service, db: Database) -> None:
    for _ in range(100):
        ana = uuid4()
        request = wanted(ana, LAWN, 1)
        [allocated], ended = await asyncio.gather(service.allocate(request), fail(service, request))
        assert allocated == ended
        if allocated["status"] == "HELD":
            await service.cancel(UUID(allocated["reservationId"]), ana)
    assert await counters(db, LAWN) == (0, 0)


async def test_which_are_decided_is_for_the_workers_alone(service: Service) -> None:
    mine = await service.held(uuid4())
    found = await service.data(DECIDED, {"ids": [str(mine), str(uuid4())]}, caller="workers")
    assert found["decidedReservations"] == [str(mine)]
    for document, ids in ((DECIDED, [str(mine)]), (SERVED, [str(LAWN)])):
        answer = await service(document, {"ids": ids}, customer=uuid4())
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        answer = await service(document, {"ids": [str(mine)] * 501}, caller="workers")
        assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
