"""How long the service keeps what nobody asks for any more. Payments and refunds stay."""

from datetime import timedelta
from typing import Final

from subgraphs.chassis import idempotency
from subgraphs.chassis.retention import older_than
from subgraphs.payments.tables import webhook_events

RULES: Final = (
    idempotency.RETENTION,
    # Gateways repeat a message for days, and applying one again changes nothing. Unprocessed ones stay.
    older_than(webhook_events, webhook_events.c.processed_at, timedelta(days=90)),
)
