"""What is on sale, for everybody to see: events, their sessions, sectors and units."""

from datetime import datetime
from typing import Self, TypeVar
from uuid import UUID

import strawberry

from subgraphs.chassis.graphql import global_id
from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.pagination import (
    Connection,
    connection_of,
    decode_cursor,
    encode_cursor,
    page_of,
    page_size,
)
from subgraphs.chassis.graphql.types import Currency, Money, Node
from subgraphs.ticketing import loaders
from subgraphs.ticketing.domain import catalogue
from subgraphs.ticketing.types.enums import AgeRating, EventKind, SessionStatus, UnitKind, UnitState

Found = TypeVar("Found")


@strawberry.federation.type(keys=["id"], description="Who an event is sold for.")
class Organiser(Node):
    name: str

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> "Organiser | None":
        organiser_id = global_id.decode("Organiser", id)
        found = await loaders.organiser_by_id(info.context).load(organiser_id) if organiser_id else None
        return cls(id=id, name=found.name) if found is not None else None


@strawberry.federation.type(keys=["id"], description="Where sessions take place.")
class Venue(Node):
    name: str
    city: str
    state: str
    address: str
    time_zone: str = strawberry.field(description="IANA name, such as America/Sao_Paulo.")

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> "Venue | None":
        venue_id = global_id.decode("Venue", id)
        found = await loaders.venue_by_id(info.context).load(venue_id) if venue_id else None
        if found is None:
            return None
        return cls(
            id=id,
            name=found.name,
            city=found.city,
            state=found.state,
            address=found.address,
            time_zone=found.time_zone,
        )


@strawberry.federation.type(keys=["id"], description="A match, a film, a concert, a festival.")
class Event(Node):
    record: strawberry.Private[catalogue.Event]

    @strawberry.field
    def name(self) -> str:
        return self.record.name

    @strawberry.field
    def description(self) -> str:
        return self.record.description

    @strawberry.field
    def kind(self) -> EventKind:
        return self.record.kind

    @strawberry.field(
        description="Whoever buys has to have this age on the day of the session. Below it minors get in accompanied by"
        " parents or guardian; where it is 18, only from 16 on (Portaria MJSP 502/2021, art. 10)."
    )
    def age_rating(self) -> AgeRating:
        return self.record.age_rating

    @strawberry.field
    def category(self) -> str | None:
        return self.record.category

    @strawberry.field
    def series(self) -> str | None:
        return self.record.series

    @strawberry.field
    async def organiser(self, info: Info) -> Organiser:
        found = await Organiser.resolve_reference(info, global_id.encode("Organiser", self.record.organiser_id))
        return _there(found, "organiser")

    @strawberry.field(description="The coming ones, the soonest first; at most 100.")
    async def sessions(self, info: Info, first: int = 50) -> list["Session"]:
        rows = await loaders.coming_sessions(info.context).load((self.record.id, page_size(first)))
        return [Session.of(row) for row in rows]

    @classmethod
    def of(cls, record: catalogue.Event) -> Self:
        return cls(id=global_id.encode("Event", record.id), record=record)

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> "Event | None":
        event_id = global_id.decode("Event", id)
        return await event_of(info, event_id) if event_id else None


async def event_of(info: Info, event_id: UUID) -> Event | None:
    found = await loaders.event_by_id(info.context).load(event_id)
    return Event.of(found) if found is not None else None


@strawberry.federation.type(keys=["id"], description="A date and time of an event at a venue.")
class Session(Node):
    record: strawberry.Private[catalogue.Session]

    @strawberry.field
    async def event(self, info: Info) -> Event:
        return _there(await event_of(info, self.record.event_id), "event")

    @strawberry.field(description="UTC; `timeZone` says where the clock on the wall hangs.")
    def starts_at(self) -> datetime:
        return self.record.starts_at

    @strawberry.field(description="IANA name of the venue's time zone.")
    def time_zone(self) -> str:
        return self.record.time_zone

    @strawberry.field
    async def venue(self, info: Info) -> Venue:
        return _there(await Venue.resolve_reference(info, global_id.encode("Venue", self.record.venue_id)), "venue")

    @strawberry.field
    def status(self) -> SessionStatus:
        return self.record.status

    @strawberry.field(
        description="How old one has to be to buy and to get in, accompanied or not; null when anybody may."
    )
    def minimum_age(self) -> int | None:
        return self.record.minimum_age

    @strawberry.field(description="How long units are held for payment.")
    def hold_minutes(self) -> int:
        return self.record.hold_minutes

    @strawberry.field
    def numbered_seats(self) -> bool:
        return self.record.numbered_seats

    @strawberry.field
    async def sectors(self, info: Info) -> list["Sector"]:
        rows = await loaders.sectors_of_session(info.context).load(self.record.id)
        return [Sector.of(row) for row in rows]

    @classmethod
    def of(cls, record: catalogue.Session) -> Self:
        return cls(id=global_id.encode("Session", record.id), record=record)

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> "Session | None":
        session_id = global_id.decode("Session", id)
        return await session_of(info, session_id) if session_id else None


async def session_of(info: Info, session_id: UUID) -> Session | None:
    found = await loaders.session_by_id(info.context).load(session_id)
    return Session.of(found) if found is not None else None


@strawberry.federation.type(keys=["id"], description="Units of a session that cost the same: a stand, a lawn, a room.")
class Sector(Node):
    record: strawberry.Private[catalogue.Sector]

    @strawberry.field
    def name(self) -> str:
        return self.record.name

    @strawberry.field(description="Whether a buyer may choose the seats.")
    def numbered(self) -> bool:
        return self.record.numbered

    @strawberry.field
    def capacity(self) -> int:
        return self.record.capacity

    @strawberry.field(description="Per unit, without the service fee.")
    def price(self) -> Money:
        return Money(amount_minor=self.record.price_minor, currency=Currency(self.record.currency))

    @strawberry.field(description="Per unit, on top of the price.")
    def service_fee(self) -> Money:
        return Money(amount_minor=self.record.service_fee_minor, currency=Currency(self.record.currency))

    @strawberry.field(description="Neither sold nor held at the moment: a hint, only the allocation decides.")
    def available(self) -> int:
        return self.record.available

    @strawberry.field(description="Every unit with its state, in the order of the plan.")
    async def seats(self, info: Info, first: int = 100, after: str | None = None) -> Connection["Unit"]:
        size = page_size(first)
        seen = decode_cursor(after, int)
        key = (self.record.id, size + 1, seen[0] if seen is not None else -1)
        rows = await loaders.units_of_sector(info.context).load(key)
        return connection_of(
            page_of(rows, size, after=after), node=Unit.of, cursor=lambda unit: encode_cursor(unit.position)
        )

    @classmethod
    def of(cls, record: catalogue.Sector) -> Self:
        return cls(id=global_id.encode("Sector", record.id), record=record)

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> "Sector | None":
        sector_id = global_id.decode("Sector", id)
        return await sector_of(info, sector_id) if sector_id else None


async def sector_of(info: Info, sector_id: UUID) -> Sector | None:
    found = await loaders.sector_by_id(info.context).load(sector_id)
    return Sector.of(found) if found is not None else None


@strawberry.federation.type(keys=["id"], description="A numbered seat, or one place of general admission.")
class Unit(Node):
    record: strawberry.Private[catalogue.Unit]

    @strawberry.field
    def label(self) -> str:
        return self.record.label

    @strawberry.field
    def kind(self) -> UnitKind:
        return self.record.kind

    @strawberry.field
    def state(self) -> UnitState:
        return self.record.state

    @strawberry.field
    async def sector(self, info: Info) -> Sector:
        return _there(await sector_of(info, self.record.sector_id), "sector")

    @classmethod
    def of(cls, record: catalogue.Unit) -> Self:
        return cls(id=global_id.encode("Unit", record.id), record=record)

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> "Unit | None":
        unit_id = global_id.decode("Unit", id)
        return await unit_of(info, unit_id) if unit_id else None


async def unit_of(info: Info, unit_id: UUID) -> Unit | None:
    found = await loaders.unit_by_id(info.context).load(unit_id)
    return Unit.of(found) if found is not None else None


def _there(found: Found | None, what: str) -> Found:
    if found is None:
        raise LookupError(f"the foreign key of a row to its {what} does not hold")
    return found
