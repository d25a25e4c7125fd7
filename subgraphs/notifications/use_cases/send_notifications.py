"""Send what an event led to and has not been sent."""

import asyncio

import structlog

from subgraphs.chassis import outbox
from subgraphs.chassis.database import Database
from subgraphs.chassis.events import new_event
from subgraphs.notifications import repository
from subgraphs.notifications.delivery import Delivery
from subgraphs.notifications.domain.notification import Channel, Notification
from subgraphs.notifications.errors import SendFailed
from subgraphs.notifications.events import NotificationSent
from subgraphs.notifications.rendering import render_email, render_sms

log = structlog.get_logger(__name__)


async def send_notifications(database: Database, delivery: Delivery, event_id: str) -> int:
    """How many were sent. Raises the first ``SendFailed`` after all were tried, so that the event comes again.

    The row is claimed before sending and marked after it: what is sent twice is only what was sent by a process that
    died between the two, which no mail provider lets anybody exclude.
    """
    async with database.transaction() as connection:
        claimed = await repository.claim_unsent(connection, event_id)
    failure: SendFailed | None = None
    sent = 0
    for notification in claimed:
        try:
            await _send(database, delivery, notification)
            sent += 1
        except SendFailed as exc:
            failure = failure or exc
            log.warning("notification_failed", notification_id=str(notification.id), channel=notification.channel)
            async with database.transaction() as connection:
                await repository.release(connection, notification.id)
    if failure is not None:
        raise failure
    return sent


async def _send(database: Database, delivery: Delivery, notification: Notification) -> None:
    if notification.channel is Channel.EMAIL:
        # Some 7 ms of computing for each QR code. At most as many at once as the consumer takes events at once.
        email = await asyncio.to_thread(render_email, notification)
        subject, body = email.subject, email.text
        provider_message_id = await delivery.send_email(notification.recipient, email)
    else:
        subject, body = "", render_sms(notification)
        provider_message_id = await delivery.send_sms(notification.recipient, body)
    async with database.transaction() as connection:
        await repository.mark_sent(
            connection, notification.id, subject=subject, body=body, provider_message_id=provider_message_id
        )
        facts = NotificationSent(
            notification.id, notification.customer_id, notification.channel.value, notification.template.value
        )
        await outbox.append(
            connection,
            new_event(
                "notification.sent",
                source="notifications",
                subject=notification.id,
                data=facts,
                id=f"notification.sent:{notification.id}",
            ),
        )
    log.info("notification_sent", notification_id=str(notification.id), channel=notification.channel)
