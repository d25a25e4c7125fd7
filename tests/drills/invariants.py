"""The invariants of the domain, read from the databases once nothing is under way any more.

Each check is one statement that selects what breaks the rule: rows are violations, no rows is well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
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


async def _money(platform: DrilledPlatform) -> list[Violation]:
    """Rules 2 and 3: what was captured and not given back is the value of what is live, payment by payment."""
    live: dict[UUID, int] = {}
    free: set[str] = set()
    for row in await _fetch(
        platform,
        "ticketing",
        f"SELECT id, payment_id, quantity * (unit_price_minor + unit_fee_minor) AS value"
        f" FROM reservations WHERE status IN {_SOLD}",
    ):
        if row["payment_id"] is None:
            if row["value"]:
                free.add(str(row["id"]))
        else:
            live[row["payment_id"]] = live.get(row["payment_id"], 0) + row["value"]
    for row in await _fetch(
        platform,
        "concessions",
        f"SELECT payment_id, total_minor FROM concession_orders WHERE status IN {_LIVE_ORDER}",
    ):
        live[row["payment_id"]] = live.get(row["payment_id"], 0) + row["total_minor"]
    kept = {
        row["id"]: row["kept"]
        for row in await _fetch(
            platform, "payments", "SELECT id, captured_minor - refunded_minor AS kept FROM payments"
        )
    }
    wrong = [
        f"payment {payment}: kept {kept.get(payment, 0)}, live {live.get(payment, 0)}"
        for payment in kept.keys() | live.keys()
        if kept.get(payment, 0) != live.get(payment, 0)
    ]
    rules = {
        "3 captured = refunded + value of live orders": wrong,
        "2 what is confirmed without a payment costs nothing": sorted(free),
    }
    return [Violation("payments", rule, len(rows), rows[:3]) for rule, rows in rules.items() if rows]


async def _mail(platform: DrilledPlatform) -> list[Violation]:
    """Whoever has tickets has been told so once."""
    confirmed = {
        str(row["id"])
        for row in await _fetch(platform, "ticketing", "SELECT id FROM reservations WHERE confirmed_at IS NOT NULL")
    }
    told = {
        row["event_id"].rpartition(":")[2]
        for row in await _fetch(
            platform, "notifications", "SELECT event_id FROM notifications WHERE event_id LIKE 'order.confirmed:%'"
        )
    }
    rows = sorted(confirmed - told)
    return (
        [Violation("notifications", "2 every confirmed reservation has its mail", len(rows), rows[:3])] if rows else []
    )


async def _fetch(platform: DrilledPlatform, service: str, statement: str) -> list[Any]:
    database = await asyncpg.connect(platform.database_url(service))
    try:
        return list(await database.fetch(statement))
    finally:
        await database.close()
