"""How long the service keeps what nobody asks for any more. Reservations and tickets stay."""

from typing import Final

import sqlalchemy as sa

from subgraphs.chassis import idempotency
from subgraphs.chassis.retention import Retention

# A row is only locked while an event's tickets are counted per customer: a month after its last session nobody buys.
_PURCHASE_LIMITS: Final = sa.text("""
    WITH due AS MATERIALIZED (
        SELECT gone.customer_id, gone.event_id
        FROM events CROSS JOIN LATERAL (
            SELECT customer_id, event_id FROM purchase_limits
            WHERE purchase_limits.event_id = events.id LIMIT :limit FOR UPDATE SKIP LOCKED
        ) AS gone
        WHERE NOT EXISTS (
            SELECT FROM sessions
            WHERE sessions.event_id = events.id AND sessions.starts_at > now() - interval '30 days'
        )
        LIMIT :limit
    )
    DELETE FROM purchase_limits USING due
    WHERE purchase_limits.customer_id = due.customer_id AND purchase_limits.event_id = due.event_id
""").bindparams(sa.bindparam("limit", type_=sa.Integer))

RULES: Final = (idempotency.RETENTION, Retention("purchase_limits", _PURCHASE_LIMITS))
