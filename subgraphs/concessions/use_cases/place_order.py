"""Place an order of concessions for a reservation: stock is reserved, all of it or none."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis import idempotency, outbox
from subgraphs.concessions.domain.catalogue import Product
from subgraphs.concessions.domain.order import (
    Order,
    OrderItem,
    RequestedItem,
    Shelf,
    UnacceptableItems,
    check_items,
    expiry,
    on_shelves,
    quantities,
    same_items,
    stock_changes,
)
from subgraphs.concessions.domain.order_states import LIVE, OrderStatus, move
from subgraphs.concessions.domain.reservation import Reservation
from subgraphs.concessions.events import order_event
from subgraphs.concessions.repositories import orders, products, reservations, stock
from subgraphs.concessions.use_cases.end_order import retire


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """What a customer wants for a reservation; no items means: nothing, and take back what was placed before.

    `held_until` is the end of the reservation's hold, None when it is not told.
    """

    customer_id: UUID
    reservation_id: UUID
    venue_id: UUID
    items: tuple[RequestedItem, ...]
    idempotency_key: str
    birth_date: date | None = None
    held_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """The order as it was placed; None when nothing was wanted."""

    order: Order | None


@dataclass(frozen=True, slots=True)
class ProductsNotSold:
    """The venue does not sell these."""

    product_ids: tuple[UUID, ...]
    field: str


@dataclass(frozen=True, slots=True)
class OutOfStock:
    """Too little is left of these; nothing was reserved."""

    products: tuple[Product, ...]


@dataclass(frozen=True, slots=True)
class TooYoung:
    """These have a minimum age that the customer has not shown to have."""

    products: tuple[Product, ...]


@dataclass(frozen=True, slots=True)
class AlreadyPaid:
    """The reservation's order is paid; it cannot be replaced any more."""

    status: OrderStatus


@dataclass(frozen=True, slots=True)
class NotYours:
    """The reservation has an order of somebody else: to this customer it does not exist."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The reservation is over: expired, cancelled, or its hold has just run out."""


Refusal = UnacceptableItems | ProductsNotSold | OutOfStock | TooYoung | AlreadyPaid | NotYours | Ended


class _Refused(Exception):
    """Carries a refusal out of the savepoint, so that neither stock nor idempotency key is left taken."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__()
        self.refusal = refusal


async def place_order(
    connection: AsyncConnection, wanted: PlaceOrder, *, today: date, now: datetime
) -> Placed | Refusal | idempotency.KeyReused:
    """Place the order; the same key and input give the stored answer, a refusal leaves the key free.

    ``today`` is the day that ages count on: the session's, at the venue.

    A PLACED order of the reservation stays when it holds the same items, and is CANCELLED and replaced otherwise.
    """
    if (unacceptable := check_items(wanted.items)) is not None:
        return unacceptable
    reservation = await _lock(connection, wanted)
    if reservation is None:
        return NotYours() if wanted.items else Placed(None)
    if reservation.ended is not None or (wanted.held_until is not None and wanted.held_until <= now):
        return Ended()

    async def produce() -> dict[str, Any]:
        order = await _place(connection, wanted, today, now)
        return {"order_id": str(order.id) if order is not None else None}

    fingerprint = idempotency.request_hash(
        {
            "reservation_id": str(wanted.reservation_id),
            "venue_id": str(wanted.venue_id),
            "items": {str(product): quantity for product, quantity in quantities(wanted.items).items()},
        }
    )
    scope = f"place_concession_order:{wanted.customer_id}"
    try:
        async with connection.begin_nested():
            answer = await idempotency.run_once(connection, scope, wanted.idempotency_key, fingerprint, produce)
    except _Refused as refused:
        return refused.refusal
    if isinstance(answer, idempotency.KeyReused):
        return answer
    if answer["order_id"] is None:
        return Placed(None)
    return Placed(await orders.find_order(connection, UUID(answer["order_id"]), wanted.customer_id))


async def _lock(connection: AsyncConnection, wanted: PlaceOrder) -> Reservation | None:
    # Who orders nothing for a reservation that never ordered leaves no trace.
    find = reservations.remember_reservation if wanted.items else reservations.lock_reservation
    return await find(connection, wanted.reservation_id, wanted.customer_id)


async def _place(connection: AsyncConnection, wanted: PlaceOrder, today: date, now: datetime) -> Order | None:
    items = await _priced(connection, wanted, today)
    given_back: dict[Shelf, int] = {}
    standing = await orders.latest_order(connection, wanted.reservation_id, wanted.customer_id)
    if standing is not None and standing.status in LIVE:
        if standing.status is not OrderStatus.PLACED:
            raise _Refused(AlreadyPaid(standing.status))
        lines = (await orders.items_of_orders(connection, [standing.id]))[standing.id]
        if standing.venue_id == wanted.venue_id and same_items(lines, wanted.items):
            return standing
        await retire(connection, standing, lines, OrderStatus.CANCELLED)
        given_back = on_shelves(standing.venue_id, lines)
    order: Order | None = None
    if items:
        await reservations.note_order(connection, wanted.reservation_id)
        order = await orders.insert_order(
            connection,
            order_id=uuid4(),
            reservation_id=wanted.reservation_id,
            customer_id=wanted.customer_id,
            venue_id=wanted.venue_id,
            status=move(OrderStatus.DRAFT, OrderStatus.PLACED),
            total_minor=sum(item.total_minor for item in items),
            items=items,
            expires_at=expiry(now, wanted.held_until),
        )
        await outbox.append(connection, order_event("concession_order.placed", order, items))
    changes = stock_changes(on_shelves(wanted.venue_id, items), given_back)
    if short := await stock.change_reserved(connection, changes):
        named = await products.find_products(connection, short)
        raise _Refused(OutOfStock(tuple(named[product_id] for product_id in short)))
    return order


async def _priced(connection: AsyncConnection, wanted: PlaceOrder, today: date) -> list[OrderItem]:
    on_sale = await products.find_products_on_sale(
        connection, wanted.venue_id, [item.product_id for item in wanted.items]
    )
    missing = [(index, item) for index, item in enumerate(wanted.items) if item.product_id not in on_sale]
    if missing:
        ids = tuple(item.product_id for _, item in missing)
        raise _Refused(ProductsNotSold(ids, f"items.{missing[0][0]}.productId"))
    too_young = tuple(product for product in on_sale.values() if not product.may_be_sold_to(wanted.birth_date, today))
    if too_young:
        raise _Refused(TooYoung(too_young))
    return [OrderItem(item.product_id, item.quantity, on_sale[item.product_id].price_minor) for item in wanted.items]
