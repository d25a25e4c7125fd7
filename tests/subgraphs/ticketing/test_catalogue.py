"""What everybody may see: events by their next session, filters, pages, seats; a page costs few statements."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from subgraphs.chassis.database import Database
from subgraphs.chassis.graphql import global_id
from subgraphs.ticketing.tables import sessions
from tests.subgraphs.ticketing.conftest import (
    EVENT,
    LAWN,
    ORGANISER,
    SEATS,
    SESSION,
    STAND,
    VENUE,
    Service,
    add_event,
)

NAMES = """query ($first: Int! = 20, $after: String, $where: EventFilter) {
    events(first: $first, after: $after, where: $where) {
        edges { node { name } } pageInfo { hasNextPage hasPreviousPage endCursor } } }"""
WHOLE = """query ($first: Int!) { events(first: $first) { edges { node { id name kind ageRating organiser { name }
    sessions { id startsAt timeZone venue { city } event { name }
        sectors { id name available price { amountMinor formatted } seats(first: 2) {
            edges { node { id label state sector { name } } } } } } } } } }"""


async def names(service: Service, where: dict[str, Any] | None = None) -> list[str]:
    answer = await service.data(NAMES, {"where": where})
    return [edge["node"]["name"] for edge in answer["events"]["edges"]]


async def more_events(db: Database) -> None:
    async with db.transaction() as connection:
        for name, days, kind in (
            ("Noite na Cidade", 1, "CINEMA"),
            ("100% Samba", 2, "CONCERT"),
            ("Festival Atlântico", 9, "FESTIVAL"),
            ("Já foi", -1, "CINEMA"),
        ):
            await add_event(connection, uuid4(), uuid4(), name, days=days, kind=kind, category=kind.title())


async def test_events_come_by_their_next_session_page_by_page(service: Service, db: Database) -> None:
    """Every event once, in the same order as unpaged; what is over is not sold."""
    await more_events(db)
    expected = ["Noite na Cidade", "100% Samba", "Palmeiras × Santos", "Festival Atlântico"]
    assert await names(service) == expected
    seen: list[str] = []
    after = None
    while True:
        page = (await service.data(NAMES, {"first": 1, "after": after}))["events"]
        seen += [edge["node"]["name"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == expected


async def test_filters_narrow(service: Service, db: Database) -> None:
    await more_events(db)
    soon = (datetime.now(UTC) + timedelta(days=2.5)).isoformat()
    for where, expected in (
        ({"city": "são paulo"}, 4),
        ({"city": "Rio de Janeiro"}, 0),
        ({"kind": "CONCERT"}, 1),
        ({"category": "festival"}, 1),
        ({"text": "samba"}, 1),
        ({"text": "00%"}, 1),
        ({"text": "00_"}, 0),
        ({"text": "%"}, 0),
        ({"text": "_"}, 0),
        ({"startsBefore": soon}, 2),
        ({"startsAfter": soon}, 2),
        ({"startsAfter": soon, "kind": "FOOTBALL"}, 1),
    ):
        assert len(await names(service, where)) == expected, where


@pytest.mark.parametrize(
    "arguments",
    [
        "first: 0",
        "first: 101",
        'after: "garbage"',
        'where: { startsAfter: "2026-01-01T00:00:00" }',
        'where: { text: "a\\u0000b" }',
        f'where: {{ city: "{"x" * 101}" }}',
    ],
)
async def test_arguments_out_of_bounds_are_refused_readably(service: Service, arguments: str) -> None:
    answer = await service(f"{{ events({arguments}) {{ edges {{ cursor }} }} }}")
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_page_costs_the_same_statements_however_long_it_is(
    service: Service, db: Database, count_statements: Callable[[], Any]
) -> None:
    """No N+1: from events down to the sector of each seat."""
    with count_statements() as one:
        answer = await service.data(WHOLE, {"first": 1})
    assert len(answer["events"]["edges"]) == 1
    await more_events(db)
    with count_statements() as many:
        answer = await service.data(WHOLE, {"first": 20})
    assert len(answer["events"]["edges"]) == 4
    assert len(many) == len(one) > 0


async def test_customers_lists_cost_the_same_statements_however_long_they_are(
    service: Service, count_statements: Callable[[], Any]
) -> None:
    ana = uuid4()
    document = """query ($r: [_Any!]!) { _entities(representations: $r) { ... on Customer { reservations { edges {
        node { id status units { label } session { event { name } venue { city } } sector { name }
        tickets { code unit { label } session { startsAt } } } } } } } }"""
    variables = {"r": [{"__typename": "Customer", "id": global_id.encode("Customer", ana)}]}

    async def bought() -> None:
        reservation = await service.held(ana)
        assert (await service.confirm(reservation, ana, 11_000))["status"] == "CONFIRMED"

    await bought()
    with count_statements() as one:
        await service.data(document, variables, customer=ana)
    await bought()
    await bought()
    with count_statements() as three:
        answer = await service.data(document, variables, customer=ana)
    [customer] = answer["_entities"]
    assert len(customer["reservations"]["edges"]) == 3
    assert len(three) == len(one) > 0


async def test_seats_come_in_pages_in_the_order_of_the_plan(service: Service) -> None:
    document = """query ($id: ID!, $after: String) { session(id: $id) { sectors { name seats(first: 4, after: $after) {
        edges { node { id label kind state } } pageInfo { hasNextPage endCursor } } } } }"""
    id_ = global_id.encode("Session", SESSION)
    stand, _ = (await service.data(document, {"id": id_}))["session"]["sectors"]
    assert [edge["node"]["label"] for edge in stand["seats"]["edges"]] == ["A-1", "A-2", "A-3", "A-4"]
    after = stand["seats"]["pageInfo"]["endCursor"]
    stand, lawn = (await service.data(document, {"id": id_, "after": after}))["session"]["sectors"]
    assert [edge["node"]["label"] for edge in stand["seats"]["edges"]] == ["A-5", "A-6"]
    assert not stand["seats"]["pageInfo"]["hasNextPage"]
    assert lawn["seats"]["edges"][0]["node"]["kind"] == "PLACE"


async def test_every_entity_is_found_by_its_id_and_garbage_is_nothing(service: Service) -> None:
    """An unknown id, another type's id and garbage are all null; nothing fails."""
    known = {
        "Organiser": ORGANISER,
        "Venue": VENUE,
        "Event": EVENT,
        "Session": SESSION,
        "Sector": STAND,
        "Unit": SEATS[0],
    }
    for type_, id_ in known.items():
        ids = [global_id.encode(type_, id_), global_id.encode(type_, UUID(int=9)), global_id.encode("X", id_), "ç%"]
        answer = await service.data(
            "query ($r: [_Any!]!) { _entities(representations: $r) { __typename ... on Node { id } } }",
            {"r": [{"__typename": type_, "id": one} for one in ids]},
        )
        assert answer["_entities"] == [{"__typename": type_, "id": ids[0]}, None, None, None]
    assert await service.data('{ event(id: "x") { id } session(id: "") { id } reservation(id: "x") { id } }') == {
        "event": None,
        "session": None,
        "reservation": None,
    }


async def test_a_cancelled_session_is_shown_with_its_event_but_does_not_make_it_sell(
    service: Service, db: Database
) -> None:
    async with db.transaction() as connection:
        await connection.execute(sessions.update().values(status="CANCELLED"))
    assert await names(service) == []
    answer = await service.data(
        "query ($id: ID!) { event(id: $id) { sessions { status } } }", {"id": global_id.encode("Event", EVENT)}
    )
    assert answer["event"]["sessions"] == [{"status": "CANCELLED"}]


async def test_what_is_anothers_is_as_missing_as_what_is_missing(
    service: Service, put_in_line: Callable[..., UUID]
) -> None:
    """Reservations (queued ones too), tickets and customers: foreign, missing and signed out answer alike."""
    ana, eve = uuid4(), uuid4()
    reservation = await service.held(ana)
    [ticket] = (await service.confirm(reservation, ana, 11_000))["order"]["tickets"]
    queued = put_in_line(ana)
    representations = [
        {"__typename": "Reservation", "id": global_id.encode("Reservation", reservation)},
        {"__typename": "Reservation", "id": global_id.encode("Reservation", queued)},
        {"__typename": "Ticket", "id": global_id.encode("Ticket", UUID(ticket["id"]))},
        {"__typename": "Customer", "id": global_id.encode("Customer", ana)},
    ]
    document = "query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }"
    mine = await service.data(document, {"r": representations}, customer=ana)
    assert [entity["__typename"] for entity in mine["_entities"]] == [
        "Reservation",
        "Reservation",
        "Ticket",
        "Customer",
    ]
    for stranger in (eve, None):
        theirs = await service.data(document, {"r": representations}, customer=stranger)
        assert theirs["_entities"] == [None] * 4
        assert await service.status(reservation, stranger) is None
        assert await service.status(queued, stranger) is None
    assert [error["code"] for error in (await service.checkout(reservation, eve))["errors"]] == ["NOT_FOUND"]
    assert [error["code"] for error in (await service.checkout(reservation, None))["errors"]] == ["UNAUTHENTICATED"]


async def test_a_request_in_line_is_shown_as_queued_with_its_place(
    service: Service, put_in_line: Callable[..., UUID]
) -> None:
    """At today's prices; decided once it is served."""
    ana = uuid4()
    document = """query ($id: ID!) { reservation(id: $id) { status queuePosition pollAfterMs quantity heldUntil
        createdAt total { amountMinor } units { id } tickets { id } sector { name } session { event { name } } } }"""
    put_in_line(uuid4(), LAWN, sequence=2**127)
    queued = put_in_line(ana, LAWN, sequence=2**127 + 900, quantity=2)
    given = {"id": global_id.encode("Reservation", queued)}
    found = (await service.data(document, given, customer=ana))["reservation"]
    assert found == {
        "status": "QUEUED",
        "queuePosition": 2,
        "pollAfterMs": 1000,
        "quantity": 2,
        "heldUntil": None,
        "createdAt": "2026-01-02T03:04:05.678000+00:00",
        "total": {"amountMinor": 22_000},
        "units": [],
        "tickets": [],
        "sector": {"name": "Gramado"},
        "session": {"event": {"name": "Palmeiras × Santos"}},
    }
    await service.held(ana, LAWN, 2, sequence=2**127 + 900, reservationId=str(queued))
    found = (await service.data(document, given, customer=ana))["reservation"]
    assert (found["status"], found["queuePosition"], len(found["units"])) == ("HELD", None, 2)


async def test_a_request_that_the_queue_has_not_taken_yet_is_queued_without_a_place(
    service: Service, put_in_line: Callable[..., UUID]
) -> None:
    ana = uuid4()
    document = "query ($id: ID!) { reservation(id: $id) { status queuePosition } }"
    for queued in (put_in_line(ana, LAWN, sequence=0), put_in_line(ana, LAWN, sequence=7, session=uuid4())):
        given = {"id": global_id.encode("Reservation", queued)}
        found = (await service.data(document, given, customer=ana))["reservation"]
        assert found == {"status": "QUEUED", "queuePosition": None}


async def test_looking_at_what_waits_costs_two_statements_and_its_place_none_of_its_own(
    service: Service, put_in_line: Callable[..., UUID], count_statements: Callable[[], Any]
) -> None:
    ana = uuid4()
    queued = put_in_line(ana, LAWN, sequence=3)
    given = {"id": global_id.encode("Reservation", queued)}
    document = "query ($id: ID!) { reservation(id: $id) { status queuePosition } }"
    await service.data(document, given, customer=ana)  # the line is read, once for two seconds
    with count_statements() as seen:
        for _ in range(5):
            found = (await service.data(document, given, customer=ana))["reservation"]
            assert found == {"status": "QUEUED", "queuePosition": 1}
    asked = [statement for statement in seen if "last_served_sequence" not in statement]
    assert len(asked) == 10


async def test_reservations_of_a_customer_come_newest_first_in_pages(service: Service) -> None:
    ana = uuid4()
    made = [await service.held(ana) for _ in range(3)]
    document = """query ($r: [_Any!]!, $after: String) { _entities(representations: $r) { ... on Customer {
        reservations(first: 2, after: $after) { edges { node { id } } pageInfo { hasNextPage endCursor } } } } }"""
    r = [{"__typename": "Customer", "id": global_id.encode("Customer", ana)}]
    seen: list[str] = []
    after = None
    for _ in range(2):
        [customer] = (await service.data(document, {"r": r, "after": after}, customer=ana))["_entities"]
        seen += [edge["node"]["id"] for edge in customer["reservations"]["edges"]]
        after = customer["reservations"]["pageInfo"]["endCursor"]
    assert seen == [global_id.encode("Reservation", id_) for id_ in reversed(made)]
