"""Write down what a customer agreed to, or no longer agrees to."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis import outbox
from subgraphs.customers.domain.customer import Consent, Customer, Purpose
from subgraphs.customers.events import consent_event
from subgraphs.customers.repositories import customers


async def record_consent(
    connection: AsyncConnection, customer_id: UUID, purpose: Purpose, granted: bool, now: datetime
) -> Customer | None:
    """The customer, or None when there is none. Saying again what holds already adds nothing."""
    customer = await customers.lock_customer(connection, customer_id)
    if customer is None:
        return None
    held = (await customers.latest_consents(connection, [customer_id]))[customer_id]
    if not any(consent.purpose is purpose and consent.granted is granted for consent in held):
        consent = Consent(purpose, granted, now)
        await customers.add_consent(connection, customer_id, consent)
        await outbox.append(connection, consent_event(customer_id, consent))
    return customer
