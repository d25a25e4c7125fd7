"""What the service opens when it starts: the ticket signer, the listener for changes, the requests in line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from subgraphs.chassis.app import Running
from subgraphs.chassis.graphql.context import Context
from subgraphs.chassis.listener import Listener
from subgraphs.ticketing.domain.ticket_qr import TicketSigner
from subgraphs.ticketing.queued_requests import QueuedRequests
from subgraphs.ticketing.settings import Settings


@dataclass(frozen=True, slots=True)
class Resources:
    signer: TicketSigner
    listener: Listener
    requests: QueuedRequests


@asynccontextmanager
async def open_resources(running: Running) -> AsyncIterator[Resources]:
    """Raises ``ValueError`` when the signing key is none."""
    settings: Settings = running.settings
    listener = Listener(running.database.url)
    try:
        yield Resources(
            signer=TicketSigner(settings.ticket_signing_key),
            listener=listener,
            requests=QueuedRequests(running.aws, settings.reservation_requests_table),
        )
    finally:
        await listener.close()


def resources_of(context: Context) -> Resources:
    resources: Resources = context.resources
    return resources
