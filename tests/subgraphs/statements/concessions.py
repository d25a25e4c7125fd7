"""Rows and arguments for the statements of concessions: the demo menu, with an order in each state."""

from typing import Final
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from subgraphs.chassis.demo import demo_id
from subgraphs.concessions import demo
from subgraphs.concessions.domain.order import OrderItem
from subgraphs.concessions.domain.order_states import OrderStatus
from subgraphs.concessions.repositories import orders, stock
from subgraphs.concessions.settings import Settings
from tests.subgraphs.statements.rehearsal import Rehearsed

VENUE: Final = demo_id("venue", "allianz-parque")
PRODUCT: Final = demo_id("product", "agua")
CUSTOMER: Final = uuid4()
ORDERS: Final = [uuid4() for _ in range(100)]
RESERVATIONS: Final = [uuid4() for _ in range(100)]
ITEMS: Final = [OrderItem(PRODUCT, 1, 500)]


async def _seed(engine: AsyncEngine) -> None:
    await demo.seed(Settings.model_construct(database_url=engine.url.render_as_string(hide_password=False)))
    async with engine.begin() as connection:
        for order_id, reservation_id in zip(ORDERS, RESERVATIONS, strict=True):
            await orders.insert_order(
                connection,
                order_id=order_id,
                reservation_id=reservation_id,
                customer_id=CUSTOMER,
                venue_id=VENUE,
                status=OrderStatus.PLACED,
                total_minor=500,
                items=ITEMS,
            )
        await stock.change_reserved(connection, VENUE, [(PRODUCT, 100)])
        await stock.sell_reserved(connection, VENUE, [(PRODUCT, 50)])


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
        "changes": [(PRODUCT, 1)],
        "sold": [(PRODUCT, 1)],
        "returned": [(PRODUCT, 1)],
    },
    calls={
        # A reservation without an order yet, and one whose live order keeps a second one out.
        "orders.insert_order": lambda connection: _place_two(connection),
    },
    partial_indexes={"orders.insert_order": "uq_concession_orders_live_reservation"},
)


async def _place_two(connection: object) -> None:
    for reservation_id in (uuid4(), RESERVATIONS[0]):
        await orders.insert_order(
            connection,  # type: ignore[arg-type]
            order_id=uuid4(),
            reservation_id=reservation_id,
            customer_id=CUSTOMER,
            venue_id=VENUE,
            status=OrderStatus.PLACED,
            total_minor=500,
            items=ITEMS,
        )
