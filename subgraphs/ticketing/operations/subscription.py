"""`reservationStatus`: the present state first, then every change, until nothing changes any more."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import strawberry

from subgraphs.chassis.graphql import global_id
from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.errors import ClientFault
from subgraphs.ticketing.domain.reservation_states import SETTLED, ReservationStatus
from subgraphs.ticketing.resources import resources_of
from subgraphs.ticketing.types.reservations import Reservation
from subgraphs.ticketing.use_cases.announce import CHANNEL
from subgraphs.ticketing.use_cases.look_up_reservations import ReservationView, look_up_reservations

# Looked at again even without news: a queue position moves silently, and a burst of news may lose the oldest.
_LOOK_AGAIN_QUEUED: Final = 2.0
_LOOK_AGAIN: Final = 15.0


class NotFound(ClientFault):
    """A foreign and a missing reservation alike."""

    code = "NOT_FOUND"


@strawberry.type
class Subscription:
    @strawberry.subscription(
        description="Your reservation as it is now, QUEUED included, and after each change; ends when it is settled."
    )
    async def reservation_status(self, info: Info, id: strawberry.ID) -> AsyncGenerator[Reservation, None]:
        reservation_id, customer_id = global_id.decode("Reservation", id), info.context.customer_id
        if reservation_id is None or customer_id is None:
            raise NotFound("This reservation does not exist.")
        told: tuple[ReservationStatus, int | None] | None = None
        async with resources_of(info.context).listener.subscribe(CHANNEL) as news:
            while True:
                found = await _look(info, reservation_id, customer_id)
                if (found.status, found.queue_position) != told:
                    told = (found.status, found.queue_position)
                    yield Reservation.of(found)
                if found.status in SETTLED:
                    return
                await _wait_for_news(news, reservation_id, _patience(found))


async def _look(info: Info, reservation_id: UUID, customer_id: UUID) -> ReservationView:
    requests = resources_of(info.context).requests
    found = await look_up_reservations(info.context.database, requests, [reservation_id], customer_id)
    if reservation_id not in found:
        raise NotFound("This reservation does not exist.")
    return found[reservation_id]


def _patience(found: ReservationView) -> float:
    """Seconds until it is looked at again; a hold ends without anybody telling."""
    if found.status is ReservationStatus.QUEUED:
        return _LOOK_AGAIN_QUEUED
    held_until = found.reservation.held_until
    if found.status is ReservationStatus.HELD and held_until is not None:
        left = (held_until - datetime.now(UTC)).total_seconds()
        return min(_LOOK_AGAIN, max(0.1, left + 0.05))
    return _LOOK_AGAIN


async def _wait_for_news(news: asyncio.Queue[str], reservation_id: UUID, seconds: float) -> None:
    """Until something is told of this reservation, or something may have been missed (""), or ``seconds`` are over."""
    try:
        async with asyncio.timeout(seconds):
            while await news.get() not in (str(reservation_id), ""):
                pass
    except TimeoutError:
        return
