"""Take in one domain event: learn a contact, plan what has to be said."""

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis.events import DomainEvent, read_data
from subgraphs.notifications import repository
from subgraphs.notifications.domain.contact import Contact, language_of
from subgraphs.notifications.domain.notification import TEMPLATE_OF_EVENT, plan_notifications
from subgraphs.notifications.errors import ContactUnknown
from subgraphs.notifications.events import ORDER_EVENTS, CustomerFacts


async def take_event(connection: AsyncConnection, event: DomainEvent) -> None:
    """Nothing is sent here: it is written down, in the transaction that notes the event as taken.

    Raises ``msgspec.ValidationError`` for facts of another shape, ``ContactUnknown`` for a customer not yet heard of.
    """
    if event.type in {"customer.registered", "customer.updated"}:
        facts = read_data(event, CustomerFacts)
        await repository.save_contact(connection, _contact(facts), event.occurred_at)
        customer_id = facts.customer_id
    elif event.type in ORDER_EVENTS:
        customer_id = read_data(event, ORDER_EVENTS[event.type]).customer_id
    else:
        return
    template = TEMPLATE_OF_EVENT.get(event.type)
    if template is None:
        return
    contact = await repository.find_contact(connection, customer_id)
    if contact is None:
        raise ContactUnknown(f"customer {customer_id}")
    # A customer's own data stays in the contact; only an order's facts are kept with the notification.
    kept = event.data if event.type in ORDER_EVENTS else {}
    await repository.add_pending(connection, plan_notifications(event.id, template, contact, kept))


def _contact(facts: CustomerFacts) -> Contact:
    return Contact(
        customer_id=facts.customer_id,
        name=facts.name,
        email=facts.email,
        phone=facts.phone,
        language=language_of(facts.locale),
        email_enabled=facts.email_enabled,
        sms_enabled=facts.sms_enabled,
    )
