"""The events this service listens to (the parts it reads) and the one it publishes."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from subgraphs.notifications.domain.notification import RefundReason


class CustomerFacts(msgspec.Struct, frozen=True):
    """``customer.registered``, ``customer.updated``."""

    customer_id: UUID
    name: str
    email: str
    phone: str | None = None
    locale: str = "pt-BR"
    email_enabled: bool = True
    sms_enabled: bool = False


class Amount(msgspec.Struct, frozen=True):
    amount_minor: int
    currency: str


class TicketFacts(msgspec.Struct, frozen=True):
    id: UUID
    code: str
    qr_payload: str


class ItemFacts(msgspec.Struct, frozen=True):
    name: str
    quantity: int


class OrderFacts(msgspec.Struct, frozen=True):
    """What every ``order.…`` event says first."""

    reservation_id: UUID
    customer_id: UUID


class OrderConfirmed(OrderFacts, frozen=True):
    """``order.confirmed``. ``returned`` was paid for concessions that could not be had."""

    event_name: str
    venue_name: str
    starts_at: datetime
    time_zone: str
    units: list[str]
    tickets: list[TicketFacts]
    total: Amount
    returned: Amount | None = None
    pickup_code: str | None = None
    concession_items: list[ItemFacts] = []


class OrderExpired(OrderFacts, frozen=True):
    """``order.expired``: nothing was charged."""


class OrderCancelled(OrderFacts, frozen=True):
    """``order.cancelled``, by the buyer. ``refunded``: it had been paid; ``amount`` of it goes back, when known."""

    refunded: bool = False
    amount: Amount | None = None


class OrderRefunded(OrderFacts, frozen=True):
    """``order.refunded``: a payment that bought nothing goes back in full."""

    amount: Amount
    reason: RefundReason


ORDER_EVENTS: Final[dict[str, type[OrderFacts]]] = {
    "order.confirmed": OrderConfirmed,
    "order.expired": OrderExpired,
    "order.cancelled": OrderCancelled,
    "order.refunded": OrderRefunded,
}


class NotificationSent(msgspec.Struct, frozen=True):
    """``notification.sent``: no recipient and no text, ids only."""

    notification_id: UUID
    customer_id: UUID
    channel: str
    template: str


EVENTS: Final[dict[str, type[msgspec.Struct]]] = {"notification.sent": NotificationSent}
