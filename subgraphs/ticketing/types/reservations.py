"""What belongs to one customer: reservations and tickets. Both are only ever loaded with the customer in the key."""

from datetime import datetime
from typing import Self
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
from subgraphs.chassis.graphql.types import Currency, Money, Node, UserError
from subgraphs.chassis.qr_codes import qr_svg
from subgraphs.ticketing import loaders
from subgraphs.ticketing.domain.reservation_states import HOLDING
from subgraphs.ticketing.repositories import clock
from subgraphs.ticketing.repositories.reservation_lists import page_of_reservations
from subgraphs.ticketing.repositories.tickets import TicketRow
from subgraphs.ticketing.resources import resources_of
from subgraphs.ticketing.types.catalogue import Sector, Session, Unit, sector_of, session_of, unit_of
from subgraphs.ticketing.types.enums import ReservationStatus, TicketStatus
from subgraphs.ticketing.types.errors import rejection_error
from subgraphs.ticketing.use_cases.look_up_reservations import ReservationView, view


@strawberry.federation.type(keys=["id"], description="Lets one person in, once.")
class Ticket(Node):
    record: strawberry.Private[TicketRow]

    @strawberry.field(description="For the gate, when the QR does not scan.")
    def code(self) -> str:
        return self.record.code

    @strawberry.field
    def status(self) -> TicketStatus:
        return self.record.status

    @strawberry.field(description="The text of the QR, signed: whoever has it gets in.")
    def qr_payload(self, info: Info) -> str:
        return resources_of(info.context).signer.sign(self.record.claims)

    @strawberry.field(description="An SVG element that scales to its container.")
    async def qr_code_svg(self, info: Info) -> str:
        return await qr_svg(resources_of(info.context).signer.sign(self.record.claims))

    @strawberry.field
    async def unit(self, info: Info) -> Unit:
        found = await unit_of(info, self.record.unit_id)
        if found is None:
            raise LookupError(f"the foreign key of ticket {self.record.id} to its unit does not hold")
        return found

    @strawberry.field
    async def session(self, info: Info) -> Session:
        found = await session_of(info, self.record.session_id)
        if found is None:
            raise LookupError(f"the foreign key of ticket {self.record.id} to its session does not hold")
        return found

    @classmethod
    def of(cls, record: TicketRow) -> Self:
        """Show a ticket that was loaded with its customer in the key, or scanned at the gate."""
        return cls(id=global_id.encode("Ticket", record.id), record=record)

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> "Ticket | None":
        ticket_id = global_id.decode("Ticket", id)
        found = await loaders.ticket_by_id(info.context).load(ticket_id) if ticket_id else None
        return cls.of(found) if found is not None else None


@strawberry.federation.type(keys=["id"], description="Units of one sector, asked for, held for a while, then bought.")
class Reservation(Node):
    record: strawberry.Private[ReservationView]

    @strawberry.field
    def status(self) -> ReservationStatus:
        return self.record.status

    @strawberry.field(
        description="How many requests are served until this one is, itself included: an estimate. "
        "Null when it is not queued, and while it cannot be told."
    )
    async def queue_position(self, info: Info) -> int | None:
        waiting = self.record.waiting
        if waiting is None or self.record.queue_position is not None:
            return self.record.queue_position
        return await resources_of(info.context).lines.position(waiting.line, waiting.sequence)

    @strawberry.field(description="When to ask again; null when nothing changes any more. Better: subscribe.")
    def poll_after_ms(self) -> int | None:
        return self.record.poll_after_ms

    @strawberry.field(description="Until when it has to be paid; null unless it holds units.")
    def held_until(self) -> datetime | None:
        reservation = self.record.reservation
        return reservation.held_until if self.record.status in HOLDING else None

    @strawberry.field(description="Prices and fees together.")
    def total(self) -> Money:
        return self._money(self.record.reservation.unit_price_minor + self.record.reservation.unit_fee_minor)

    @strawberry.field(description="Without fees.")
    def tickets_total(self) -> Money:
        return self._money(self.record.reservation.unit_price_minor)

    @strawberry.field
    def fees_total(self) -> Money:
        return self._money(self.record.reservation.unit_fee_minor)

    @strawberry.field
    def quantity(self) -> int:
        return self.record.reservation.quantity

    @strawberry.field(description="What it got, also when it has been given back since.")
    async def units(self, info: Info) -> list[Unit]:
        rows = await loaders.units_of_reservation(info.context).load(self.record.reservation.id)
        return [Unit.of(row) for row in rows]

    @strawberry.field(description="Null when the request named a session that does not exist.")
    async def session(self, info: Info) -> Session | None:
        return await session_of(info, self.record.reservation.session_id)

    @strawberry.field(description="Null when the request named a sector that does not exist.")
    async def sector(self, info: Info) -> Sector | None:
        return await sector_of(info, self.record.reservation.sector_id)

    @strawberry.field(description="Empty until it is confirmed.")
    async def tickets(self, info: Info) -> list[Ticket]:
        rows = await loaders.tickets_of_reservation(info.context).load(self.record.reservation.id)
        return [Ticket.of(row) for row in rows]

    @strawberry.field
    def created_at(self) -> datetime:
        return self.record.reservation.created_at

    @strawberry.field(description="Why nothing was held; only when it was rejected.")
    def rejection(self, info: Info) -> UserError | None:
        rejection = self.record.reservation.rejection
        return rejection_error(info, rejection) if rejection is not None else None

    def _money(self, per_unit: int) -> Money:
        reservation = self.record.reservation
        return Money(amount_minor=reservation.quantity * per_unit, currency=Currency(reservation.currency))

    @classmethod
    def of(cls, record: ReservationView) -> Self:
        """Show a reservation that was loaded with its customer in the key."""
        return cls(id=global_id.encode("Reservation", record.reservation.id), record=record)

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> "Reservation | None":
        reservation_id = global_id.decode("Reservation", id)
        found = await loaders.reservation_by_id(info.context).load(reservation_id) if reservation_id else None
        return cls.of(found) if found is not None else None


@strawberry.federation.type(keys=["id"])
class Customer(Node):
    id: strawberry.ID

    @strawberry.field(description="Newest first; a request appears here once it has been served.")
    async def reservations(
        self, info: Info, first: int = 20, after: str | None = None
    ) -> Connection[Reservation] | None:
        customer_id = global_id.decode("Customer", self.id)
        if customer_id is None or customer_id != info.context.customer_id:
            raise PermissionError("a customer was resolved for somebody else")
        size = page_size(first)
        seen = decode_cursor(after, datetime, UUID)
        before = (seen[0], seen[1]) if seen is not None else None
        async with info.context.database.connect() as connection:
            now = await clock.now(connection)
            rows = await page_of_reservations(connection, customer_id, limit=size + 1, before=before)
        return connection_of(
            page_of([view(row, now) for row in rows], size, after=after),
            node=Reservation.of,
            cursor=lambda row: encode_cursor(row.reservation.created_at, row.reservation.id),
        )

    @classmethod
    def resolve_reference(cls, info: Info, id: strawberry.ID) -> "Customer | None":
        own = info.context.customer_id
        return cls(id=id) if own is not None and global_id.decode("Customer", id) == own else None
