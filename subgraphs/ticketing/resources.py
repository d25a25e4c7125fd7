"""What the service opens when it starts: the ticket signer, who watches reservations, and the lines they wait in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from subgraphs.chassis.app import Running
from subgraphs.chassis.graphql.context import Context
from subgraphs.chassis.listener import Listener
from subgraphs.ticketing.domain.ticket_qr import TicketSigner
from subgraphs.ticketing.queued_requests import QueuedRequests
from subgraphs.ticketing.reservation_watch import CHANNEL, ReservationWatch
from subgraphs.ticketing.settings import Settings
from subgraphs.ticketing.waiting_lines import WaitingLines


@dataclass(frozen=True, slots=True)
class Resources:
    signer: TicketSigner
    requests: QueuedRequests
    lines: WaitingLines
    watch: ReservationWatch


@asynccontextmanager
async def open_resources(running: Running) -> AsyncIterator[Resources]:
    """Raises ``ValueError`` when the signing key is none."""
    settings: Settings = running.settings
    signer = TicketSigner(settings.ticket_signing_key)
    requests = QueuedRequests(running.aws, settings.reservation_requests_table)
    listener = Listener(running.database, CHANNEL)
    lines = WaitingLines(running.watchers_database, requests)
    watch = ReservationWatch(running.watchers_database, requests, listener, lines)
    try:
        yield Resources(signer, requests, lines, watch)
    finally:
        await listener.close()


async def read_waiting_lines(running: Running, stopping: asyncio.Event) -> None:
    """Background: the places of all who wait."""
    resources: Resources = running.resources
    await resources.lines.run(stopping)


async def look_over_watched(running: Running, stopping: asyncio.Event) -> None:
    """Background: the second net under the news of reservations."""
    resources: Resources = running.resources
    await resources.watch.run(stopping)


def resources_of(context: Context) -> Resources:
    resources: Resources = context.resources
    return resources
