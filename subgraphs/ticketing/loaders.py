"""The request's DataLoaders: whatever a page holds, each kind of thing is read with one statement."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.dataloader import DataLoader

from subgraphs.chassis.graphql.context import Context
from subgraphs.ticketing.domain.catalogue import Event, Organiser, Sector, Session, Unit, Venue
from subgraphs.ticketing.repositories import catalogue, tickets, units
from subgraphs.ticketing.repositories.tickets import TicketRow
from subgraphs.ticketing.resources import resources_of
from subgraphs.ticketing.use_cases.look_up_reservations import ReservationView, look_up_reservations

Found = TypeVar("Found")


def _by_id(
    context: Context, name: str, find: Callable[[AsyncConnection, Iterable[UUID]], Awaitable[dict[UUID, Found]]]
) -> DataLoader[UUID, Found | None]:
    async def load(ids: list[UUID]) -> list[Found | None]:
        async with context.database.connect() as connection:
            found = await find(connection, ids)
        return [found.get(id_) for id_ in ids]

    return context.loader(name, load)


def event_by_id(context: Context) -> DataLoader[UUID, Event | None]:
    return _by_id(context, "event_by_id", catalogue.events_by_id)


def organiser_by_id(context: Context) -> DataLoader[UUID, Organiser | None]:
    return _by_id(context, "organiser_by_id", catalogue.organisers_by_id)


def venue_by_id(context: Context) -> DataLoader[UUID, Venue | None]:
    return _by_id(context, "venue_by_id", catalogue.venues_by_id)


def session_by_id(context: Context) -> DataLoader[UUID, Session | None]:
    return _by_id(context, "session_by_id", catalogue.sessions_by_id)


def sector_by_id(context: Context) -> DataLoader[UUID, Sector | None]:
    return _by_id(context, "sector_by_id", catalogue.sectors_by_id)


def unit_by_id(context: Context) -> DataLoader[UUID, Unit | None]:
    return _by_id(context, "unit_by_id", units.units_by_id)


def coming_sessions(context: Context) -> DataLoader[tuple[UUID, int], list[Session]]:
    """The first coming sessions of (event, how many)."""

    async def load(keys: list[tuple[UUID, int]]) -> list[list[Session]]:
        most = max(first for _, first in keys)
        async with context.database.connect() as connection:
            event_ids = list({event_id for event_id, _ in keys})
            found = await catalogue.coming_sessions_of_events(connection, event_ids, limit=most)
        return [found[event_id][:first] for event_id, first in keys]

    return context.loader("coming_sessions", load)


def sectors_of_session(context: Context) -> DataLoader[UUID, list[Sector]]:
    async def load(session_ids: list[UUID]) -> list[list[Sector]]:
        async with context.database.connect() as connection:
            found = await catalogue.sectors_of_sessions(connection, session_ids)
        return [found[session_id] for session_id in session_ids]

    return context.loader("sectors_of_session", load)


def units_of_sector(context: Context) -> DataLoader[tuple[UUID, int, int], list[Unit]]:
    """Pages of (sector, limit, after position); sectors asked for the same page share a statement."""

    async def load(keys: list[tuple[UUID, int, int]]) -> list[list[Unit]]:
        pages: dict[tuple[int, int], list[UUID]] = defaultdict(list)
        for sector_id, limit, after in keys:
            pages[limit, after].append(sector_id)
        found: dict[tuple[UUID, int, int], list[Unit]] = {}
        async with context.database.connect() as connection:
            for (limit, after), sector_ids in pages.items():
                page = await units.pages_of_sectors(connection, sector_ids, limit=limit, after=after)
                found |= {(sector_id, limit, after): rows for sector_id, rows in page.items()}
        return [found[key] for key in keys]

    return context.loader("units_of_sector", load)


def reservation_by_id(context: Context) -> DataLoader[UUID, ReservationView | None]:
    """Reservations of the token's customer; None for unknown and for foreign ids alike."""

    async def load(ids: list[UUID]) -> list[ReservationView | None]:
        customer_id = context.customer_id
        if customer_id is None:
            return [None] * len(ids)
        keys = [(id_, customer_id) for id_ in ids]
        found = await look_up_reservations(context.database, resources_of(context).requests, keys)
        return [found.get(key) for key in keys]

    return context.loader("reservation_by_id", load)


def units_of_reservation(context: Context) -> DataLoader[UUID, list[Unit]]:
    """The units of reservations that were themselves loaded with the customer in the key."""

    async def load(reservation_ids: list[UUID]) -> list[list[Unit]]:
        async with context.database.connect() as connection:
            found = await units.units_of_reservations(connection, reservation_ids)
        return [found[id_] for id_ in reservation_ids]

    return context.loader("units_of_reservation", load)


def tickets_of_reservation(context: Context) -> DataLoader[UUID, list[TicketRow]]:
    """The tickets of the token's customer, per reservation."""

    async def load(reservation_ids: list[UUID]) -> list[list[TicketRow]]:
        customer_id = context.customer_id
        if customer_id is None:
            return [[] for _ in reservation_ids]
        async with context.database.connect() as connection:
            found = await tickets.of_reservations(connection, reservation_ids, customer_id)
        return [found[id_] for id_ in reservation_ids]

    return context.loader("tickets_of_reservation", load)


def ticket_by_id(context: Context) -> DataLoader[UUID, TicketRow | None]:
    """Tickets of the token's customer; None for unknown and for foreign ids alike."""

    async def load(ids: list[UUID]) -> list[TicketRow | None]:
        customer_id = context.customer_id
        if customer_id is None:
            return [None] * len(ids)
        async with context.database.connect() as connection:
            found = await tickets.by_ids(connection, ids, customer_id)
        return [found.get(id_) for id_ in ids]

    return context.loader("ticket_by_id", load)
