"""Puts the suggestions service together: `uvicorn --factory subgraphs.suggestions.app:create_app`."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI

from subgraphs.chassis.app import Running, build_app
from subgraphs.chassis.consumer import QueueConsumer
from subgraphs.chassis.events import DomainEvent
from subgraphs.suggestions.resources import Resources, open_resources
from subgraphs.suggestions.schema import schema
from subgraphs.suggestions.settings import Settings
from subgraphs.suggestions.use_cases.take_event import take_event


def create_app(settings: Settings | None = None) -> FastAPI:
    """The ASGI application; without `settings` they are read from the environment."""
    return build_app(settings or Settings(), schema, resources=_resources, consumers=_consumers)


@asynccontextmanager
async def _resources(running: Running) -> AsyncIterator[Resources]:
    yield open_resources(running.aws, running.settings)


def _consumers(running: Running) -> Sequence[QueueConsumer]:
    settings: Settings = running.settings
    if settings.events_queue_url is None:
        return ()
    resources: Resources = running.resources

    async def take(event: DomainEvent) -> None:
        await take_event(event, signals=resources.signals, now=datetime.now(UTC))

    return [QueueConsumer(settings.events_queue_url, take, aws=running.aws)]
