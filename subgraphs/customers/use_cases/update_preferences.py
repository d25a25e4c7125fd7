"""Change how a customer is spoken to."""

from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis import outbox
from subgraphs.customers.domain.customer import Customer, Preferences
from subgraphs.customers.errors import Reason, Refused
from subgraphs.customers.events import contact_event
from subgraphs.customers.repositories import customers


async def update_preferences(
    connection: AsyncConnection,
    customer_id: UUID,
    *,
    locale: str | None,
    email_enabled: bool | None,
    sms_enabled: bool | None,
) -> Customer | Refused | None:
    """None keeps a preference. SMS needs a telephone number. Returns None for a customer that is not there."""
    customer = await customers.lock_customer(connection, customer_id)
    if customer is None:
        return None
    now = customer.preferences
    wanted = Preferences(
        locale=locale if locale is not None else now.locale,
        email_enabled=email_enabled if email_enabled is not None else now.email_enabled,
        sms_enabled=sms_enabled if sms_enabled is not None else now.sms_enabled,
    )
    if wanted.sms_enabled and customer.phone is None:
        return Refused(Reason.INVALID_INPUT, "smsEnabled")
    if wanted == now:
        return customer
    await customers.set_preferences(connection, customer_id, wanted)
    changed = replace(customer, preferences=wanted)
    await outbox.append(connection, contact_event("customer.updated", changed))
    return changed
