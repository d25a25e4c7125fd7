"""Rows and arguments for the statements of concessions: the demo menu, with an order in each state."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from subgraphs.chassis.demo import demo_id
from subgraphs.concessions import demo
from subgraphs.concessions.domain.order import OrderItem
from subgraphs.concessions.domain.order_states import OrderStatus
from subgraphs.concessions.domain.reservation import Confirmation
from subgraphs.concessions.repositories import orders, reservations, stock
from subgraphs.concessions.settings import Settings
from tests.subgraphs.statements.rehearsal import Rehearsed

VENUE: Final = demo_id("venue", "allianz-parque")
PRODUCT: Final = demo_id("product", "agua")
SHELF: Final = (VENUE, PRODUCT)
CUSTOMER: Final = uuid4()
ORDERS: Final = [uuid4() for _ in range(100)]
RESERVATIONS: Final = [uuid4() for _ in range(100)]
END: Final = datetime.now(UTC) + timedelta(minutes=25)
ITEMS: Final = [OrderItem(PRODUCT, 1, 500)]


async def _seed(engine: AsyncEngine) -> None:
    await demo.seed(Settings.model_construct(database_url=engine.url.render_as_string(hide_password=False)))
    async with engine.begin() as connection:
        for order_id, reservation_id in zip(ORDERS, RESERVATIONS, strict=True):
            await reservations.remember_reservation(connection, reservation_id, CUSTOMER)
            await orders.insert_order(
                connection,
                order_id=order_id,
                reservation_id=reservation_id,
                customer_id=CUSTOMER,
                venue_id=VENUE,
                status=OrderStatus.PLACED,
                total_minor=500,
                items=ITEMS,
                expires_at=END,
            )
        await stock.change_reserved(connection, [(SHELF, 100)])
        await stock.sell_reserved(connection, [(SHELF, 50)])


REHEARSED: Final = Rehearsed(
    service="concessions",
    seed=_seed,
    samples={
        "order_id": ORDERS[0],
        "order_ids": ORDERS[:2],
        "reservation_id": RESERVATIONS[0],
        "reservation_ids": RESERVATIONS[:2],
        "customer_id": CUSTOMER,
        "venue_id": VENUE,
        "venue_ids": [VENUE],
        "ids": [PRODUCT],
        "pairs": [(PRODUCT, VENUE)],
        "changes": [(SHELF, 1)],
        "sold": [(SHELF, 1)],
        "returned": [(SHELF, 1)],
    },
    calls={
        "reservations.note_refusal": lambda connection: reservations.note_refusal(
            connection, RESERVATIONS[0], uuid4(), Confirmation.EXPIRED
        ),
        "orders.insert_order": lambda connection: _place(connection),
    },
    partial_indexes={
        "orders.live_orders": "uq_concession_orders_live_reservation",
        "orders.expire_overdue": "ix_concession_orders_overdue",
        "orders.count_overdue": "ix_concession_orders_overdue",
    },
)


async def _place(connection: AsyncConnection) -> None:
    """For a reservation without an order yet: a second live one is kept out by its lock, and by the database."""
    reservation_id = uuid4()
    await reservations.remember_reservation(connection, reservation_id, CUSTOMER)
    await orders.insert_order(
        connection,
        order_id=uuid4(),
        reservation_id=reservation_id,
        customer_id=CUSTOMER,
        venue_id=VENUE,
        status=OrderStatus.PLACED,
        total_minor=500,
        items=ITEMS,
        expires_at=END,
    )
