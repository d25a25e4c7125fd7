"""Puts the notifications service together."""

from collections.abc import Sequence

from fastapi import FastAPI

from subgraphs.chassis.app import Running, build_app
from subgraphs.chassis.consumer import EventConsumer
from subgraphs.chassis.events import DomainEvent
from subgraphs.notifications.delivery import AwsDelivery
from subgraphs.notifications.retention import RULES
from subgraphs.notifications.schema import schema
from subgraphs.notifications.settings import Settings
from subgraphs.notifications.use_cases.send_notifications import send_notifications
from subgraphs.notifications.use_cases.take_event import take_event


def create_app(settings: Settings | None = None) -> FastAPI:
    """The ASGI application; without `settings` they are read from the environment."""
    return build_app(settings or Settings(), schema, consumers=_consumers, retention=RULES)


def _consumers(running: Running) -> Sequence[EventConsumer]:
    settings: Settings = running.settings
    if settings.events_queue_url is None:
        return ()
    delivery = AwsDelivery(running.aws, settings.sender_email)

    async def send(event: DomainEvent) -> None:
        await send_notifications(running.database, delivery, event.id)

    return [EventConsumer(settings.events_queue_url, running.database, take_event, aws=running.aws, after_commit=send)]
