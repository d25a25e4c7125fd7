"""All SQL of the notifications service."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.notifications.domain.contact import Contact, Language
from subgraphs.notifications.domain.notification import Channel, Notification, SentNotification, Status, Template
from subgraphs.notifications.tables import contacts, metadata, notifications

# A sender that died after claiming: longer than any send takes, shorter than the queue's patience.
CLAIM_SECONDS: Final = 60


async def save_contact(connection: AsyncConnection, contact: Contact, as_of: datetime) -> None:
    """Insert or replace, unless what is known is newer than `as_of`."""
    values = {**asdict(contact), "language": contact.language.value, "as_of": as_of}
    statement = insert(contacts).values(values)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["customer_id"],
            set_={name: statement.excluded[name] for name in values if name != "customer_id"},
            where=contacts.c.as_of <= statement.excluded.as_of,
        )
    )


async def find_contact(connection: AsyncConnection, customer_id: UUID) -> Contact | None:
    row = (
        (await connection.execute(sa.select(contacts).where(contacts.c.customer_id == customer_id))).mappings().first()
    )
    if row is None:
        return None
    return Contact(
        customer_id=row["customer_id"],
        name=row["name"],
        email=row["email"],
        phone=row["phone"],
        language=Language(row["language"]),
        email_enabled=row["email_enabled"],
        sms_enabled=row["sms_enabled"],
    )


async def add_pending(connection: AsyncConnection, planned: Sequence[Notification]) -> None:
    """Write what has to be sent; what was planned before stays as it is."""
    if not planned:
        return
    rows = [{**asdict(one), "status": Status.PENDING.value} for one in planned]
    await connection.execute(insert(notifications).values(rows).on_conflict_do_nothing())


async def claim_unsent(connection: AsyncConnection, event_id: str) -> list[Notification]:
    """Take what is still to send for an event; two takers never get the same one."""
    stale = sa.func.now() - sa.text(f"interval '{CLAIM_SECONDS} seconds'")
    statement = (
        sa.update(notifications)
        .where(notifications.c.event_id == event_id)
        .where(
            sa.or_(
                notifications.c.status == Status.PENDING.value,
                sa.and_(notifications.c.status == Status.SENDING.value, notifications.c.claimed_at < stale),
            )
        )
        .values(status=Status.SENDING.value, claimed_at=sa.func.now())
        .returning(notifications)
    )
    return [_notification(row) for row in (await connection.execute(statement)).mappings()]


async def arrived_events(connection: AsyncConnection, event_ids: Sequence[str]) -> dict[str, int]:
    """Those of the events that were taken in, with how many of their messages are unsent."""
    arrived = metadata.tables["inbox"]
    unsent = sa.func.count(notifications.c.id).filter(sa.text("notifications.status <> 'SENT'"))
    statement = (
        sa.select(arrived.c.event_id, unsent)
        .outerjoin(notifications, notifications.c.event_id == arrived.c.event_id)
        .where(arrived.c.event_id.in_(event_ids))
        .group_by(arrived.c.event_id)
    )
    return {row[0]: int(row[1]) for row in await connection.execute(statement)}


async def release(connection: AsyncConnection, id: UUID) -> None:
    """Give back what could not be sent."""
    await connection.execute(
        sa.update(notifications)
        .where(notifications.c.id == id, notifications.c.status == Status.SENDING.value)
        .values(status=Status.PENDING.value)
    )


async def mark_sent(
    connection: AsyncConnection, id: UUID, *, subject: str, body: str, provider_message_id: str
) -> None:
    await connection.execute(
        sa.update(notifications)
        .where(notifications.c.id == id)
        .values(
            status=Status.SENT.value,
            subject=subject,
            body=body,
            provider_message_id=provider_message_id,
            sent_at=sa.func.now(),
        )
    )


async def list_notifications(
    connection: AsyncConnection, customer_id: UUID, limit: int, before: tuple[datetime, UUID] | None
) -> list[SentNotification]:
    """A customer's own, newest first."""
    statement = sa.select(notifications).where(notifications.c.customer_id == customer_id)
    if before is not None:
        statement = statement.where(sa.tuple_(notifications.c.created_at, notifications.c.id) < sa.tuple_(*before))
    statement = statement.order_by(notifications.c.created_at.desc(), notifications.c.id.desc()).limit(limit)
    return [_sent(row) for row in (await connection.execute(statement)).mappings()]


async def find_notifications(
    connection: AsyncConnection, customer_id: UUID, ids: Sequence[UUID]
) -> dict[UUID, SentNotification]:
    """Those of `ids` that belong to the customer."""
    statement = sa.select(notifications).where(notifications.c.customer_id == customer_id, notifications.c.id.in_(ids))
    return {row["id"]: _sent(row) for row in (await connection.execute(statement)).mappings()}


def _notification(row: sa.RowMapping) -> Notification:
    facts: dict[str, Any] = row["facts"]
    return Notification(
        id=row["id"],
        event_id=row["event_id"],
        customer_id=row["customer_id"],
        channel=Channel(row["channel"]),
        template=Template(row["template"]),
        recipient=row["recipient"],
        name=row["name"],
        language=Language(row["language"]),
        facts=facts,
    )


def _sent(row: sa.RowMapping) -> SentNotification:
    return SentNotification(
        id=row["id"],
        channel=Channel(row["channel"]),
        template=Template(row["template"]),
        status=Status(row["status"]),
        subject=row["subject"],
        created_at=row["created_at"],
        sent_at=row["sent_at"],
    )
