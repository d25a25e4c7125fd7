"""What this service tells the others."""

from typing import Final
from uuid import UUID

import msgspec

from subgraphs.chassis.events import DomainEvent, new_event
from subgraphs.customers.domain.customer import Consent, Customer


class CustomerContact(msgspec.Struct, frozen=True):
    """``customer.registered`` and ``customer.updated``: how to reach a customer. Never CPF or birth date."""

    customer_id: UUID
    name: str
    email: str
    phone: str | None
    locale: str
    email_enabled: bool
    sms_enabled: bool


class ConsentRecorded(msgspec.Struct, frozen=True):
    """``customer.consent_recorded``."""

    customer_id: UUID
    purpose: str
    granted: bool


EVENTS: Final[dict[str, type[msgspec.Struct]]] = {
    "customer.registered": CustomerContact,
    "customer.updated": CustomerContact,
    "customer.consent_recorded": ConsentRecorded,
}


def contact_event(type: str, customer: Customer) -> DomainEvent:
    """``customer.registered`` or ``customer.updated``."""
    facts = CustomerContact(
        customer_id=customer.id,
        name=customer.name,
        email=customer.email,
        phone=customer.phone,
        locale=customer.preferences.locale,
        email_enabled=customer.preferences.email_enabled,
        sms_enabled=customer.preferences.sms_enabled,
    )
    return new_event(type, source="customers", subject=customer.id, data=facts)


def consent_event(customer_id: UUID, consent: Consent) -> DomainEvent:
    facts = ConsentRecorded(customer_id, consent.purpose.value, consent.granted)
    return new_event("customer.consent_recorded", source="customers", subject=customer_id, data=facts)
