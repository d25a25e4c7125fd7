"""Rows and arguments for the statements of notifications."""

from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from subgraphs.notifications import repository
from subgraphs.notifications.domain.contact import Contact, Language
from subgraphs.notifications.domain.notification import Channel, Notification, Template
from tests.subgraphs.statements.rehearsal import Rehearsed

CUSTOMER: Final = uuid4()
IDS: Final = [uuid4() for _ in range(50)]
CONTACT: Final = Contact(CUSTOMER, "Ana", "ana@example.com", "+5511987654321", Language.PT_BR, True, True)
PLANNED: Final = [
    Notification(
        one, f"event-{one}", CUSTOMER, Channel.EMAIL, Template.WELCOME, "ana@example.com", "Ana", Language.PT_BR, {}
    )
    for one in IDS
]


async def _seed(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await repository.save_contact(connection, CONTACT, datetime.now(UTC))
        await repository.add_pending(connection, PLANNED)


REHEARSED: Final = Rehearsed(
    service="notifications",
    seed=_seed,
    samples={
        "contact": CONTACT,
        "customer_id": CUSTOMER,
        "planned": PLANNED[:2],
        "id": IDS[0],
        "ids": IDS[:2],
        "event_id": PLANNED[0].event_id,
    },
)
