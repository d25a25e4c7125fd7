"""The one event that closes an order: what was sold, and what became of the money."""

from collections.abc import Mapping
from typing import Any

from workers.reservation_flow.events import (
    Amount,
    OrderCancelled,
    OrderConfirmed,
    OrderedConcession,
    OrderedTicket,
    OrderEvent,
    OrderExpired,
    OrderRefunded,
    RefundReason,
)
from workers.runtime.errors import PermanentFault

Given = Mapping[str, Any]
_CURRENCY = "BRL"
_REASONS: dict[str, RefundReason] = {
    "units_unavailable": "UNITS_UNAVAILABLE",
    "amount_mismatch": "AMOUNT_MISMATCH",
    "paid_twice": "PAID_TWICE",
}


def closing_event(kind: str, data: Given) -> OrderEvent:
    """Raises PermanentFault for a kind that is none of ours."""
    whose = {"reservation_id": data["reservation_id"], "customer_id": data["customer_id"]}
    match kind:
        case "order.confirmed":
            return _confirmed(whose, data)
        case "order.expired":
            return OrderExpired(**whose)
        case "order.cancelled":
            returned = data["refunded_minor"]
            return OrderCancelled(
                **whose,
                payment_id=data["payment_id"] or None,
                refunded=data["payment_id"] != "",
                amount=Amount(returned, _CURRENCY) if returned else None,
            )
        case "order.refunded":
            return OrderRefunded(
                **whose,
                payment_id=data["payment_id"],
                amount=Amount(data["refunded_minor"], _CURRENCY),
                reason=_REASONS[data["reason"]],
            )
    raise PermanentFault(f"there is no event {kind!r}")


def _confirmed(whose: Mapping[str, str], data: Given) -> OrderConfirmed:
    order, concessions = data["order"], data["concessions"]
    returned = concessions["refund_minor"]
    return OrderConfirmed(
        **whose,
        event_id=order["event_id"],
        event_name=order["event_name"],
        session_id=order["session_id"],
        venue_name=order["venue_name"],
        starts_at=order["starts_at"],
        time_zone=order["time_zone"],
        units=list(order["units"]),
        tickets=[OrderedTicket(**ticket) for ticket in order["tickets"]],
        total=Amount(data["amount_minor"] - returned, order["currency"]),
        returned=Amount(returned, order["currency"]) if returned else None,
        pickup_code=concessions["pickup_code"] or None,
        concession_items=[OrderedConcession(item["name"], item["quantity"]) for item in concessions["items"]],
    )
