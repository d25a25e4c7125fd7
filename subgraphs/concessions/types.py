"""The public GraphQL types of the service and what it adds to other services' entities."""

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
from subgraphs.concessions import loaders
from subgraphs.concessions.domain import catalogue, order
from subgraphs.concessions.enums import EventKind, OrderStatus, ProductCategory


@strawberry.federation.type(keys=["id"], description="Something for sale at the counters of a venue.")
class Product(Node):
    record: strawberry.Private[catalogue.Product]

    @strawberry.field
    def name(self, info: Info) -> str:
        return self.record.name.in_locale(info.context.locale)

    @strawberry.field
    def description(self, info: Info) -> str:
        return self.record.description.in_locale(info.context.locale)

    @strawberry.field
    def category(self) -> ProductCategory:
        return self.record.category

    @strawberry.field(description="As it stands on the menu, such as 500 ml; null where there is only one.")
    def size(self) -> str | None:
        return self.record.size

    @strawberry.field
    def price(self) -> Money:
        return Money(amount_minor=self.record.price_minor, currency=Currency(self.record.currency))

    @strawberry.field(description="How old a buyer has to be; null when anybody may buy it.")
    def minimum_age(self) -> int | None:
        return self.record.minimum_age

    @strawberry.field(description="Whether the venue has it in stock; without a venue, whether any has. A hint.")
    async def available(self, info: Info, venue_id: strawberry.ID | None = None) -> bool:
        venue = global_id.decode("Venue", venue_id) if venue_id is not None else None
        if venue_id is not None and venue is None:
            return False
        return await loaders.availability(info.context).load((self.record.id, venue))

    @classmethod
    def of(cls, record: catalogue.Product) -> Self:
        """Show a product of the catalogue."""
        return cls(id=global_id.encode("Product", record.id), record=record)

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> "Product | None":
        product_id = global_id.decode("Product", id)
        found = await loaders.product_by_id(info.context).load(product_id) if product_id else None
        return cls.of(found) if found is not None else None


def product_cursor(record: catalogue.Product) -> str:
    """Return the cursor of a product in catalogue order."""
    return encode_cursor(record.position, record.id)


@strawberry.type
class ConcessionOrderItem:
    record: strawberry.Private[order.OrderItem]
    currency: strawberry.Private[Currency]

    @strawberry.field
    async def product(self, info: Info) -> Product:
        found = await loaders.product_by_id(info.context).load(self.record.product_id)
        if found is None:
            raise LookupError(f"the foreign key of product {self.record.product_id} does not hold")
        return Product.of(found)

    @strawberry.field
    def quantity(self) -> int:
        return self.record.quantity

    @strawberry.field(description="The price when the order was placed.")
    def unit_price(self) -> Money:
        return Money(amount_minor=self.record.unit_price_minor, currency=self.currency)

    @strawberry.field
    def total(self) -> Money:
        return Money(amount_minor=self.record.total_minor, currency=self.currency)


@strawberry.federation.type(keys=["id"], description="Products ordered together, picked up with one code.")
class ConcessionOrder(Node):
    record: strawberry.Private[order.Order]

    @strawberry.field
    def status(self) -> OrderStatus:
        return self.record.status

    @strawberry.field(description="What to say at the counter; null until the order is paid.")
    def pickup_code(self) -> str | None:
        return self.record.pickup_code

    @strawberry.field
    async def items(self, info: Info) -> list[ConcessionOrderItem]:
        lines = await loaders.items_of_order(info.context).load(self.record.id)
        currency = Currency(self.record.currency)
        return [ConcessionOrderItem(record=line, currency=currency) for line in lines]

    @strawberry.field
    def total(self) -> Money:
        return Money(amount_minor=self.record.total_minor, currency=Currency(self.record.currency))

    @classmethod
    def of(cls, record: order.Order) -> Self:
        """Show an order that was loaded with its customer in the key."""
        return cls(id=global_id.encode("ConcessionOrder", record.id), record=record)

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> "ConcessionOrder | None":
        order_id = global_id.decode("ConcessionOrder", id)
        found = await loaders.order_by_id(info.context).load(order_id) if order_id else None
        return cls.of(found) if found is not None else None


@strawberry.federation.type(keys=["id"])
class Event:
    id: strawberry.ID
    # None when the kind was not sent along (only `combos` needs it) or is one we know no combos for.
    known_kind: strawberry.Private[EventKind | None]

    @strawberry.federation.field(external=True)
    def kind(self) -> EventKind:
        if self.known_kind is None:
            raise LookupError("ticketing answers this field")
        return self.known_kind

    @strawberry.federation.field(requires=["kind"], description="Combos that suit this kind of event.")
    async def combos(self, info: Info, first: int = 10) -> list[Product] | None:
        size = page_size(first)
        if self.known_kind is None:
            return []
        found = await loaders.combos(info.context).load((self.known_kind, size))
        return [Product.of(record) for record in found]

    @classmethod
    def resolve_reference(cls, id: strawberry.ID, kind: str | None = None) -> "Event":
        return cls(id=id, known_kind=EventKind.__members__.get(kind or ""))


@strawberry.federation.type(keys=["id"])
class Venue:
    id: strawberry.ID

    @strawberry.field(description="What the counters of this venue sell, in stock or not.")
    async def products(self, info: Info, first: int = 20, after: str | None = None) -> Connection[Product] | None:
        size = page_size(first)
        seen = decode_cursor(after, int, UUID)
        venue_id = global_id.decode("Venue", self.id)
        rows: list[catalogue.Product] = []
        if venue_id is not None:
            start = (seen[0], seen[1]) if seen is not None else None
            rows = await loaders.products_of_venue(info.context).load((venue_id, size + 1, start))
        return connection_of(page_of(rows, size, after=after), node=Product.of, cursor=product_cursor)

    @classmethod
    def resolve_reference(cls, id: strawberry.ID) -> "Venue":
        return cls(id=id)


@strawberry.federation.type(keys=["id"])
class Reservation:
    id: strawberry.ID

    @strawberry.field(description="What was ordered with this reservation; only its customer sees it.")
    async def concession_order(self, info: Info) -> ConcessionOrder | None:
        reservation_id = global_id.decode("Reservation", self.id)
        if reservation_id is None:
            return None
        found = await loaders.order_of_reservation(info.context).load(reservation_id)
        return ConcessionOrder.of(found) if found is not None else None

    @classmethod
    def resolve_reference(cls, id: strawberry.ID) -> "Reservation":
        return cls(id=id)


@strawberry.federation.type(shareable=True, description="Too little is left of these products; nothing was ordered.")
class OutOfStock(UserError):
    product_ids: list[strawberry.ID] = strawberry.field(default_factory=list)


@strawberry.federation.type(shareable=True, description="These products are not sold to somebody of this age.")
class ProductAgeRestricted(UserError):
    product_ids: list[strawberry.ID] = strawberry.field(default_factory=list)
