"""The queries: the catalogue for everybody, reservations for their customer."""

from datetime import datetime
from uuid import UUID

import strawberry

from subgraphs.chassis import metrics
from subgraphs.chassis.graphql.bad_values import is_storable
from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.errors import BadInput
from subgraphs.chassis.graphql.guards import GATEWAY, customer_of, internal_only
from subgraphs.chassis.graphql.pagination import (
    Connection,
    connection_of,
    decode_cursor,
    encode_cursor,
    page_of,
    page_size,
)
from subgraphs.ticketing import loaders
from subgraphs.ticketing.domain.catalogue import UpcomingEvent
from subgraphs.ticketing.operations.reconciliation import ReconciliationQuery
from subgraphs.ticketing.queued_requests import LineId
from subgraphs.ticketing.repositories.catalogue import EventSearch, page_of_events, served_sequences
from subgraphs.ticketing.repositories.reservation_lists import decided_among, purchases
from subgraphs.ticketing.resources import resources_of
from subgraphs.ticketing.types import internal
from subgraphs.ticketing.types.catalogue import Event, Session
from subgraphs.ticketing.types.enums import EventKind
from subgraphs.ticketing.types.internal import raw_id
from subgraphs.ticketing.types.queue_number import queue_number
from subgraphs.ticketing.types.reservations import Reservation

MAX_TEXT = 100
MAX_IDS = 500
_ANY_SPELLING = "Neither case nor accents matter; empty is no filter."


@strawberry.input(description="What the event, or one of its coming sessions, has to match.")
class EventFilter:
    city: str | None = strawberry.field(default=None, description=_ANY_SPELLING)
    kind: EventKind | None = None
    text: str | None = strawberry.field(
        default=None, description=f"In its name, description, category or series. {_ANY_SPELLING}"
    )
    starts_after: datetime | None = None
    starts_before: datetime | None = None
    category: str | None = strawberry.field(default=None, description=_ANY_SPELLING)


@strawberry.type
class Query(ReconciliationQuery):
    @strawberry.field(description="Events with a coming session, the soonest first.")
    async def events(
        self, info: Info, first: int = 20, after: str | None = None, where: EventFilter | None = None
    ) -> Connection[Event] | None:
        size = page_size(first)
        seen = decode_cursor(after, datetime, UUID)
        search = _search(where or EventFilter())
        async with info.context.database.connect() as connection:
            rows = await page_of_events(
                connection, search, limit=size + 1, after=(seen[0], seen[1]) if seen is not None else None
            )
        metrics.count("EventQueries")
        return connection_of(page_of(rows, size, after=after), node=_event, cursor=_cursor)

    @strawberry.field
    async def event(self, info: Info, id: strawberry.ID) -> Event | None:
        metrics.count("EventQueries")
        return await Event.resolve_reference(info, id)

    @strawberry.field
    async def session(self, info: Info, id: strawberry.ID) -> Session | None:
        metrics.count("EventQueries")
        return await Session.resolve_reference(info, id)

    @strawberry.field(description="Your reservation, also while it waits in line; null when it is not yours.")
    async def reservation(self, info: Info, id: strawberry.ID) -> Reservation | None:
        return await Reservation.resolve_reference(info, id)

    @strawberry.federation.field(
        inaccessible=True, description="The place in line of who has just been queued; null when it cannot be told."
    )
    async def queue_position(
        self, info: Info, session_id: strawberry.ID, sector_id: strawberry.ID, sequence: str
    ) -> int | None:
        internal_only(info, GATEWAY)
        line = LineId(raw_id(session_id), raw_id(sector_id))
        return await resources_of(info.context).lines.position(line, queue_number(sequence))

    @strawberry.federation.field(inaccessible=True, description="At most 500 sectors; unknown ones are left out.")
    async def lines_served(self, info: Info, sector_ids: list[strawberry.ID]) -> list[internal.ServedLine]:
        internal_only(info)
        ids = [raw_id(each) for each in _at_most(sector_ids)]
        async with info.context.database.connect() as connection:
            served = await served_sequences(connection, ids)
        return [
            internal.ServedLine(
                session_id=strawberry.ID(str(session_id)), sector_id=strawberry.ID(str(sector_id)), sequence=str(number)
            )
            for (session_id, sector_id), number in served.items()
        ]

    @strawberry.federation.field(inaccessible=True, description="Which of at most 500 requests have been decided.")
    async def decided_reservations(self, info: Info, reservation_ids: list[strawberry.ID]) -> list[strawberry.ID]:
        internal_only(info)
        ids = [raw_id(each) for each in _at_most(reservation_ids)]
        async with info.context.database.connect() as connection:
            return [strawberry.ID(str(id_)) for id_ in await decided_among(connection, ids)]

    @strawberry.federation.field(inaccessible=True, description="What the customer has bought, newest first.")
    async def purchase_history(self, info: Info, first: int = 50) -> list[internal.Purchase]:
        internal_only(info, GATEWAY)
        customer_id = customer_of(info)
        size = page_size(first)
        async with info.context.database.connect() as connection:
            rows = await purchases(connection, customer_id, limit=size)
        found = await loaders.event_by_id(info.context).load_many([row.event_id for row in rows])
        return [
            internal.Purchase(event=Event.of(event), quantity=row.quantity, purchased_at=row.purchased_at)
            for row, event in zip(rows, found, strict=True)
            if event is not None
        ]


def _at_most(ids: list[strawberry.ID]) -> list[strawberry.ID]:
    if len(ids) > MAX_IDS:
        raise BadInput(f"More than {MAX_IDS} ids.")
    return ids


def _event(row: UpcomingEvent) -> Event:
    return Event.of(row.event)


def _cursor(row: UpcomingEvent) -> str:
    return encode_cursor(row.next_starts_at, row.event.id)


def _search(where: EventFilter) -> EventSearch:
    for name, moment in (("startsAfter", where.starts_after), ("startsBefore", where.starts_before)):
        if moment is not None and moment.tzinfo is None:
            raise BadInput(f"'where.{name}' needs a time zone.", ("where", name))
    return EventSearch(
        city=_text("city", where.city),
        kind=where.kind,
        text=_text("text", where.text),
        starts_after=where.starts_after,
        starts_before=where.starts_before,
        category=_text("category", where.category),
    )


def _text(name: str, given: str | None) -> str | None:
    """None, which filters nothing, when it is empty or blank."""
    if given is not None and (len(given) > MAX_TEXT or not is_storable(given)):
        raise BadInput(f"'where.{name}' is text of at most {MAX_TEXT} characters.", ("where", name))
    return given if given and not given.isspace() else None
