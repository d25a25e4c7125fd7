"""The queries: the catalogue for everybody, reservations for their customer."""

from datetime import datetime
from uuid import UUID

import strawberry

from subgraphs.chassis import metrics
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
from subgraphs.ticketing.repositories.catalogue import EventSearch, page_of_events
from subgraphs.ticketing.repositories.reservation_lists import purchases
from subgraphs.ticketing.types import internal
from subgraphs.ticketing.types.catalogue import Event, Session
from subgraphs.ticketing.types.enums import EventKind
from subgraphs.ticketing.types.reservations import Reservation

MAX_TEXT = 100


@strawberry.input(description="What the event, or one of its coming sessions, has to match.")
class EventFilter:
    city: str | None = None
    kind: EventKind | None = None
    text: str | None = strawberry.field(default=None, description="In its name, description, category or series.")
    starts_after: datetime | None = None
    starts_before: datetime | None = None
    category: str | None = None


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


def _event(row: UpcomingEvent) -> Event:
    return Event.of(row.event)


def _cursor(row: UpcomingEvent) -> str:
    return encode_cursor(row.next_starts_at, row.event.id)


def _search(where: EventFilter) -> EventSearch:
    for name, value in (("city", where.city), ("text", where.text), ("category", where.category)):
        if value is not None and (len(value) > MAX_TEXT or "\0" in value):
            raise BadInput(f"'where.{name}' is text of at most {MAX_TEXT} characters.")
    for name, moment in (("startsAfter", where.starts_after), ("startsBefore", where.starts_before)):
        if moment is not None and moment.tzinfo is None:
            raise BadInput(f"'where.{name}' needs a time zone.")
    return EventSearch(
        city=where.city,
        kind=where.kind,
        text=where.text,
        starts_after=where.starts_after,
        starts_before=where.starts_before,
        category=where.category,
    )
