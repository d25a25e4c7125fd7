"""A notification, its life, and which ones an event leads to."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from subgraphs.notifications.domain.contact import Contact, Language


class Channel(StrEnum):
    EMAIL = "EMAIL"
    SMS = "SMS"


class Template(StrEnum):
    WELCOME = "WELCOME"
    ORDER_CONFIRMED = "ORDER_CONFIRMED"
    ORDER_EXPIRED = "ORDER_EXPIRED"
    ORDER_CANCELLED = "ORDER_CANCELLED"
    ORDER_REFUNDED = "ORDER_REFUNDED"


RefundReason = Literal["UNITS_UNAVAILABLE", "AMOUNT_MISMATCH", "PAID_TWICE"]


class Status(StrEnum):
    """PENDING → SENDING → SENT; a send that fails goes back to PENDING."""

    PENDING = "PENDING"
    SENDING = "SENDING"
    SENT = "SENT"


@dataclass(frozen=True, slots=True)
class Notification:
    """``facts`` is the event's data, from which the text is rendered when it is sent."""

    id: UUID
    event_id: str
    customer_id: UUID
    channel: Channel
    template: Template
    recipient: str
    name: str
    language: Language
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SentNotification:
    """What its customer sees of a notification. ``subject`` is empty until it was rendered."""

    id: UUID
    channel: Channel
    template: Template
    status: Status
    subject: str
    created_at: datetime
    sent_at: datetime | None


TEMPLATE_OF_EVENT: Final = {
    "customer.registered": Template.WELCOME,
    "order.confirmed": Template.ORDER_CONFIRMED,
    "order.expired": Template.ORDER_EXPIRED,
    "order.cancelled": Template.ORDER_CANCELLED,
    "order.refunded": Template.ORDER_REFUNDED,
}

# Not about money or tickets that somebody has: such mail can be switched off.
_COURTESY: Final = frozenset({Template.ORDER_EXPIRED})
_BY_SMS: Final = frozenset({Template.ORDER_CONFIRMED, Template.ORDER_CANCELLED, Template.ORDER_REFUNDED})


def plan_notifications(
    event_id: str, template: Template, contact: Contact, facts: dict[str, Any]
) -> list[Notification]:
    """What `contact` is told: e-mail always but for courtesies, SMS only where it was switched on and a phone is known.

    Ids are derived from the event, so that planning twice plans the same.
    """

    def notification(channel: Channel, recipient: str) -> Notification:
        return Notification(
            id=uuid5(NAMESPACE_URL, f"notification:{event_id}:{channel}"),
            event_id=event_id,
            customer_id=contact.customer_id,
            channel=channel,
            template=template,
            recipient=recipient,
            name=contact.name,
            language=contact.language,
            facts=facts,
        )

    planned = []
    if contact.email_enabled or template not in _COURTESY:
        planned.append(notification(Channel.EMAIL, contact.email))
    if contact.sms_enabled and contact.phone and template in _BY_SMS:
        planned.append(notification(Channel.SMS, contact.phone))
    return planned
