"""SQL of the reservations that have ordered or ended: one row each, locked before any order of the reservation."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, case, delete, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.concessions.domain.reservation import Confirmation, Ending, Reservation
from subgraphs.concessions.tables import reservations

# A reservation without an order is remembered for as long as a checkout that began before its end could still come.
KEPT_WITHOUT_ORDERS = timedelta(days=2)


def _reservation(row: Row[Any]) -> Reservation:
    return Reservation(
        id=row.id,
        customer_id=row.customer_id,
        ended=Ending(row.ended) if row.ended is not None else None,
        refused_payment_id=row.refused_payment_id,
        refusal=Confirmation(row.refusal) if row.refusal is not None else None,
    )


async def lock_reservation(connection: AsyncConnection, reservation_id: UUID, customer_id: UUID) -> Reservation | None:
    """Lock the customer's reservation until the transaction ends; None when it neither ordered nor ended."""
    statement = (
        select(reservations)
        .where(reservations.c.id == reservation_id, reservations.c.customer_id == customer_id)
        .with_for_update()
    )
    row = (await connection.execute(statement)).one_or_none()
    return _reservation(row) if row is not None else None


async def remember_reservation(
    connection: AsyncConnection, reservation_id: UUID, customer_id: UUID, *, ended: Ending | None = None
) -> Reservation | None:
    """Lock the reservation, new or known, and keep `ended` with it; None when it is another customer's.

    CANCELLED stays: an expiry that comes late does not turn it into something that late money could buy.
    """
    statement = insert(reservations).values(
        id=reservation_id, customer_id=customer_id, ended=ended.value if ended is not None else None
    )
    given = statement.excluded.ended
    statement = statement.on_conflict_do_update(
        index_elements=[reservations.c.id],
        set_={
            "ended": case(
                (reservations.c.ended == literal(Ending.CANCELLED.value), reservations.c.ended),
                else_=func.coalesce(given, reservations.c.ended),
            ),
            "seen_at": func.now(),
        },
        where=reservations.c.customer_id == statement.excluded.customer_id,
    )
    row = (await connection.execute(statement.returning(reservations))).one_or_none()
    return _reservation(row) if row is not None else None


async def note_order(connection: AsyncConnection, reservation_id: UUID) -> None:
    """A locked reservation has an order: it is kept for good."""
    await connection.execute(
        update(reservations).where(reservations.c.id == reservation_id, ~reservations.c.ordered).values(ordered=True)
    )


async def note_expired(connection: AsyncConnection, reservation_ids: list[UUID]) -> None:
    """Locked reservations are over, unless they have ended already."""
    await connection.execute(
        update(reservations)
        .where(reservations.c.id.in_(reservation_ids), reservations.c.ended.is_(None))
        .values(ended=Ending.EXPIRED.value, seen_at=func.now())
    )


async def note_refusal(
    connection: AsyncConnection, reservation_id: UUID, payment_id: UUID, refusal: Confirmation
) -> None:
    """Keep what a payment was told that bought nothing for a locked reservation."""
    await connection.execute(
        update(reservations)
        .where(reservations.c.id == reservation_id)
        .values(refused_payment_id=payment_id, refusal=refusal.value)
    )


async def forget_without_orders(connection: AsyncConnection, limit: int) -> int:
    """Delete up to `limit` reservations that never ordered, the ones seen longest ago first; how many."""
    # The predicate is literal, as in the index: a generic plan does not match bound values with it.
    idle = (
        select(reservations.c.id)
        .where(text("NOT reservations.ordered"), reservations.c.seen_at < func.now() - KEPT_WITHOUT_ORDERS)
        .order_by(reservations.c.seen_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("idle")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    forgotten = await connection.execute(delete(reservations).where(reservations.c.id == idle.c.id))
    return forgotten.rowcount
