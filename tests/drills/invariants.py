"""The invariants of the domain, read from the databases once nothing is under way any more.

Each check is one statement that selects what breaks the rule: rows are violations, no rows is well.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import asyncpg

from tests.drills.platform_under_drill import DrilledPlatform

_LIVE_TICKET = "('ISSUED', 'CHECKED_IN')"
_SOLD = "('CONFIRMED', 'PARTIALLY_CANCELLED')"
_HOLDING = "('HELD', 'AWAITING_PAYMENT')"
_LIVE_ORDER = "('PAID', 'PREPARING', 'READY', 'PICKED_UP')"

TICKETING: Mapping[str, str] = {
    "1 a unit has at most one live ticket": f"""
        SELECT unit_id FROM tickets WHERE status IN {_LIVE_TICKET} GROUP BY unit_id HAVING count(*) > 1""",
    "1 a unit is sold exactly when it has a live ticket of its reservation": f"""
        SELECT u.id FROM units u
        LEFT JOIN tickets t ON t.unit_id = u.id AND t.status IN {_LIVE_TICKET}
        WHERE (u.state = 'SOLD') <> (t.id IS NOT NULL) OR t.reservation_id <> u.reservation_id""",
    "1 a unit is held exactly for a reservation that holds": f"""
        SELECT u.id FROM units u LEFT JOIN reservations r ON r.id = u.reservation_id
        WHERE u.state = 'HELD' AND (r.id IS NULL OR r.status NOT IN {_HOLDING})""",
    "1 a reservation that holds has all of its units": f"""
        SELECT r.id FROM reservations r LEFT JOIN units u ON u.reservation_id = r.id AND u.state = 'HELD'
        WHERE r.status IN {_HOLDING} GROUP BY r.id HAVING count(u.id) <> r.quantity""",
    "1 sold + held + free = capacity in every sector": """
        SELECT s.id FROM sectors s JOIN units u ON u.sector_id = s.id GROUP BY s.id
        HAVING count(*) <> s.capacity OR count(*) FILTER (WHERE u.state = 'HELD') <> s.held
            OR count(*) FILTER (WHERE u.state = 'SOLD') <> s.sold""",
    "2 a reservation has live tickets exactly when it is confirmed": f"""
        SELECT r.id FROM reservations r
        LEFT JOIN tickets t ON t.reservation_id = r.id AND t.status IN {_LIVE_TICKET}
        GROUP BY r.id
        HAVING count(t.id) <> CASE WHEN r.status = 'CONFIRMED' THEN r.quantity ELSE 0 END
           AND r.status <> 'PARTIALLY_CANCELLED'""",
    "10 no hold is over and still there": f"""
        SELECT id FROM reservations WHERE status IN {_HOLDING} AND held_until <= now() - interval '2 minutes'""",
    "10 the outbox is empty": "SELECT event_id FROM outbox",
}

PAYMENTS: Mapping[str, str] = {
    "3 what is given back was captured": "SELECT id FROM payments WHERE refunded_minor > captured_minor",
    "3 no refund is unfinished": "SELECT id FROM refunds WHERE status <> 'SUCCEEDED'",
    "3 refunds add up": """
        SELECT p.id FROM payments p LEFT JOIN refunds r ON r.payment_id = p.id AND r.status = 'SUCCEEDED'
        GROUP BY p.id HAVING coalesce(sum(r.amount_minor), 0) <> p.refunded_minor""",
    "10 no payment is open past its end": """
        SELECT id FROM payments WHERE status IN ('CREATED', 'REQUIRES_ACTION', 'PROCESSING')
          AND expires_at <= now() - interval '2 minutes'""",
    "10 every webhook has been acted upon": "SELECT id FROM webhook_events WHERE processed_at IS NULL",
    "10 the outbox is empty": "SELECT event_id FROM outbox",
}

CONCESSIONS: Mapping[str, str] = {
    "1 stock is reserved exactly for orders that are placed, and sold for those that are paid": f"""
        WITH wanted AS (
            SELECT o.venue_id, i.product_id,
                   sum(i.quantity) FILTER (WHERE o.status = 'PLACED') AS reserved,
                   sum(i.quantity) FILTER (WHERE o.status IN {_LIVE_ORDER}) AS sold
            FROM concession_orders o JOIN concession_order_items i ON i.order_id = o.id GROUP BY 1, 2)
        SELECT s.venue_id, s.product_id FROM product_stock s LEFT JOIN wanted w USING (venue_id, product_id)
        WHERE s.reserved <> coalesce(w.reserved, 0) OR s.sold <> coalesce(w.sold, 0)""",
    "10 the outbox is empty": "SELECT event_id FROM outbox",
}

NOTIFICATIONS: Mapping[str, str] = {
    "10 every message that was planned has been sent": "SELECT id FROM notifications WHERE status <> 'SENT'",
}

# For each rule a change that breaks it, in a database that has seen a few purchases: it shows that a check is alive.
# Rules that the database itself does not let anybody break have none.
BREAKING: Mapping[str, Mapping[str, str]] = {
    "ticketing": {
        "1 a unit is sold exactly when it has a live ticket of its reservation": """
            UPDATE tickets SET status = 'CANCELLED'
            WHERE id = (SELECT id FROM tickets WHERE status = 'ISSUED' LIMIT 1)""",
        "1 a unit is held exactly for a reservation that holds": """
            UPDATE units SET state = 'HELD', held_until = now()
            WHERE id = (SELECT id FROM units WHERE state = 'SOLD' LIMIT 1)""",
        "1 a reservation that holds has all of its units": """
            UPDATE reservations SET status = 'HELD', held_until = now()
            WHERE id = (SELECT id FROM reservations WHERE status = 'CONFIRMED' LIMIT 1)""",
        "1 sold + held + free = capacity in every sector": """
            UPDATE sectors SET sold = sold - 1 WHERE id = (SELECT id FROM sectors WHERE sold > 0 LIMIT 1)""",
        "2 a reservation has live tickets exactly when it is confirmed": """
            UPDATE reservations SET status = 'CANCELLED'
            WHERE id = (SELECT id FROM reservations WHERE status = 'CONFIRMED' LIMIT 1)""",
        "10 no hold is over and still there": """
            UPDATE reservations SET status = 'HELD', held_until = now() - interval '1 hour'
            WHERE id = (SELECT id FROM reservations WHERE status = 'CONFIRMED' LIMIT 1)""",
        "10 the outbox is empty": "INSERT INTO outbox (event_id, type, payload) VALUES ('x', 'x', '{}')",
    },
    "payments": {
        "3 refunds add up": """
            UPDATE payments SET refunded_minor = 1
            WHERE id = (SELECT id FROM payments WHERE captured_minor > 1 AND refunded_minor = 0 LIMIT 1)""",
        "3 no refund is unfinished": """
            INSERT INTO refunds (id, payment_id, amount_minor, reason, status, created_at, updated_at, check_at)
            SELECT gen_random_uuid(), id, 1, 'x', 'SUBMITTED', now(), now(), now() FROM payments LIMIT 1""",
        "10 no payment is open past its end": """
            UPDATE payments SET status = 'PROCESSING', expires_at = now() - interval '1 hour'
            WHERE id = (SELECT id FROM payments LIMIT 1)""",
        "10 every webhook has been acted upon": """
            UPDATE webhook_events SET processed_at = NULL WHERE id = (SELECT id FROM webhook_events LIMIT 1)""",
        "10 the outbox is empty": "INSERT INTO outbox (event_id, type, payload) VALUES ('x', 'x', '{}')",
    },
    "concessions": {
        "1 stock is reserved exactly for orders that are placed, and sold for those that are paid": """
            UPDATE product_stock SET reserved = reserved + 1
            WHERE (venue_id, product_id) = (SELECT venue_id, product_id FROM product_stock LIMIT 1)""",
        "10 the outbox is empty": "INSERT INTO outbox (event_id, type, payload) VALUES ('x', 'x', '{}')",
    },
    "notifications": {
        "10 every message that was planned has been sent": """
            UPDATE notifications SET status = 'PENDING', sent_at = NULL
            WHERE id = (SELECT id FROM notifications LIMIT 1)""",
    },
}

_BY_SERVICE = {
    "ticketing": TICKETING,
    "payments": PAYMENTS,
    "concessions": CONCESSIONS,
    "notifications": NOTIFICATIONS,
}


@dataclass(frozen=True, slots=True)
class Violation:
    """`examples` are the first rows that break the rule, of `count` in all."""

    service: str
    rule: str
    count: int
    examples: list[str]

    def __str__(self) -> str:
        return f"{self.service}: {self.rule}: broken {self.count} times, for instance {', '.join(self.examples)}"


async def violations(platform: DrilledPlatform) -> list[Violation]:
    """What is broken now; rules numbered as in the domain's list of invariants."""
    found = []
    for service, rules in _BY_SERVICE.items():
        database = await asyncpg.connect(platform.database_url(service))
        try:
            for rule, statement in rules.items():
                rows = await database.fetch(statement)
                if rows:
                    found.append(Violation(service, rule, len(rows), [str(tuple(row.values())) for row in rows[:3]]))
        finally:
            await database.close()
    return found + await _money(platform) + await _mail(platform)


async def dead_checks(platform: DrilledPlatform) -> list[str]:
    """Rules that notice nothing when they are broken; each is broken in a transaction that is rolled back."""
    dead = []
    for service, changes in BREAKING.items():
        database = await asyncpg.connect(platform.database_url(service))
        try:
            for rule, change in changes.items():
                transaction = database.transaction()
                await transaction.start()
                try:
                    await database.execute(change)
                    if not await database.fetch(_BY_SERVICE[service][rule]):
                        dead.append(f"{service}: {rule}")
                finally:
                    await transaction.rollback()
        finally:
            await database.close()
    books = await _books(platform)
    payment = next(iter(books.live))
    if not _misplaced(replace(books, live={**books.live, payment: books.live[payment] + 1})):
        dead.append("payments: 3 captured = refunded + value of live orders")
    confirmed, told = await _told(platform)
    if not confirmed - (told - {next(iter(confirmed))}):
        dead.append("notifications: 2 every confirmed reservation has its mail")
    return dead


@dataclass(frozen=True, slots=True)
class _Books:
    """By payment: what of it was not given back, and what it bought. ``free``: sold without a payment at a price."""

    kept: Mapping[UUID, int]
    live: Mapping[UUID, int]
    free: list[str]


async def _money(platform: DrilledPlatform) -> list[Violation]:
    """Rules 2 and 3: what was captured and not given back is the value of what is live, payment by payment."""
    books = await _books(platform)
    rules = {
        "3 captured = refunded + value of live orders": _misplaced(books),
        "2 what is confirmed without a payment costs nothing": books.free,
    }
    return [Violation("payments", rule, len(rows), rows[:3]) for rule, rows in rules.items() if rows]


def _misplaced(books: _Books) -> list[str]:
    return [
        f"payment {payment}: kept {books.kept.get(payment, 0)}, live {books.live.get(payment, 0)}"
        for payment in books.kept.keys() | books.live.keys()
        if books.kept.get(payment, 0) != books.live.get(payment, 0)
    ]


async def _books(platform: DrilledPlatform) -> _Books:
    live: dict[UUID, int] = {}
    free: list[str] = []
    for row in await _fetch(
        platform,
        "ticketing",
        f"SELECT id, payment_id, quantity * (unit_price_minor + unit_fee_minor) AS value"
        f" FROM reservations WHERE status IN {_SOLD} ORDER BY id",
    ):
        if row["payment_id"] is not None:
            live[row["payment_id"]] = live.get(row["payment_id"], 0) + row["value"]
        elif row["value"]:
            free.append(str(row["id"]))
    orders = f"SELECT payment_id, total_minor FROM concession_orders WHERE status IN {_LIVE_ORDER}"
    for row in await _fetch(platform, "concessions", orders):
        live[row["payment_id"]] = live.get(row["payment_id"], 0) + row["total_minor"]
    payments = await _fetch(platform, "payments", "SELECT id, captured_minor - refunded_minor AS kept FROM payments")
    return _Books({row["id"]: row["kept"] for row in payments}, live, free)


async def _mail(platform: DrilledPlatform) -> list[Violation]:
    """Whoever has tickets has been told so."""
    confirmed, told = await _told(platform)
    rows = sorted(confirmed - told)
    rule = "2 every confirmed reservation has its mail"
    return [Violation("notifications", rule, len(rows), rows[:3])] if rows else []


async def _told(platform: DrilledPlatform) -> tuple[set[str], set[str]]:
    """The reservations that were ever confirmed, and those whose buyers were told."""
    confirmed = await _fetch(platform, "ticketing", "SELECT id FROM reservations WHERE confirmed_at IS NOT NULL")
    told = await _fetch(
        platform, "notifications", "SELECT event_id FROM notifications WHERE event_id LIKE 'order.confirmed:%'"
    )
    return {str(row["id"]) for row in confirmed}, {row["event_id"].rpartition(":")[2] for row in told}


async def _fetch(platform: DrilledPlatform, service: str, statement: str) -> list[Any]:
    database = await asyncpg.connect(platform.database_url(service))
    try:
        return list(await database.fetch(statement))
    finally:
        await database.close()
