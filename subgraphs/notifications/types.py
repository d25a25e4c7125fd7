"""What customers see of their notifications."""

from datetime import datetime
from enum import Enum
from typing import Self
from uuid import UUID

import strawberry

from subgraphs.chassis.graphql import global_id
from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.pagination import (
    Connection,
    connection_of,
    decode_cursor,
    encode_cursor,
    page_of,
    page_size,
)
from subgraphs.chassis.graphql.types import Node
from subgraphs.notifications import repository
from subgraphs.notifications.domain import notification as domain


@strawberry.enum
class NotificationChannel(Enum):
    EMAIL = "EMAIL"
    SMS = "SMS"


@strawberry.enum
class NotificationTemplate(Enum):
    WELCOME = "WELCOME"
    ORDER_CONFIRMED = "ORDER_CONFIRMED"
    ORDER_EXPIRED = "ORDER_EXPIRED"
    ORDER_CANCELLED = "ORDER_CANCELLED"
    ORDER_REFUNDED = "ORDER_REFUNDED"


@strawberry.enum
class NotificationStatus(Enum):
    PENDING = "PENDING"
    SENDING = "SENDING"
    SENT = "SENT"


@strawberry.federation.type(keys=["id"], description="A message that was sent, or is about to be, to its customer.")
class Notification(Node):
    id: strawberry.ID
    channel: NotificationChannel
    template: NotificationTemplate
    status: NotificationStatus
    subject: str = strawberry.field(description="Empty for SMS, and until it has been sent.")
    created_at: datetime
    sent_at: datetime | None

    @classmethod
    def of(cls, row: domain.SentNotification) -> Self:
        return cls(
            id=global_id.encode("Notification", row.id),
            channel=NotificationChannel(row.channel.value),
            template=NotificationTemplate(row.template.value),
            status=NotificationStatus(row.status.value),
            subject=row.subject,
            created_at=row.created_at,
            sent_at=row.sent_at,
        )

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> "Notification | None":
        notification_id, customer_id = global_id.decode("Notification", id), info.context.customer_id
        if notification_id is None or customer_id is None:
            return None

        async def load(ids: list[UUID]) -> list[domain.SentNotification | None]:
            async with info.context.database.connect() as connection:
                found = await repository.find_notifications(connection, customer_id, ids)
            return [found.get(one) for one in ids]

        row = await info.context.loader("notifications", load).load(notification_id)
        return cls.of(row) if row is not None else None


@strawberry.federation.type(keys=["id"])
class Customer(Node):
    id: strawberry.ID

    @classmethod
    def resolve_reference(cls, info: Info, id: strawberry.ID) -> "Customer | None":
        own = info.context.customer_id
        return cls(id=id) if own is not None and global_id.decode("Customer", id) == own else None

    @strawberry.field(description="What this customer was sent, newest first.")
    async def notifications(
        self, info: Info, first: int = 20, after: str | None = None
    ) -> Connection[Notification] | None:
        customer_id = global_id.decode("Customer", self.id)
        if customer_id is None or customer_id != info.context.customer_id:
            raise PermissionError("a customer was resolved for somebody else")
        limit = page_size(first)
        cursor = decode_cursor(after, datetime, UUID)
        before = (cursor[0], cursor[1]) if cursor is not None else None
        async with info.context.database.connect() as connection:
            rows = await repository.list_notifications(connection, customer_id, limit + 1, before)
        return connection_of(
            page_of(rows, limit, after=after),
            node=Notification.of,
            cursor=lambda row: encode_cursor(row.created_at, row.id),
        )
