"""Asking ticketing to allocate a batch of requests, in their order."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from workers.reservation_requests.messages import ReservationRequest
from workers.runtime.errors import PermanentFault
from workers.runtime.subgraph_client import SubgraphClient

ALLOCATE = """
mutation AllocateReservations($requests: [AllocationRequest!]!) {
  allocateReservations(requests: $requests) { reservationId status heldUntil }
}
"""


@dataclass(frozen=True, slots=True)
class Queued:
    """A request with the number that the queue gave its message."""

    request: ReservationRequest
    sequence: str


class Outcome(msgspec.Struct, frozen=True, rename="camel"):
    reservation_id: str
    status: str
    held_until: str | None = None


def allocate(services: SubgraphClient, requests: Sequence[Queued]) -> list[Outcome | PermanentFault]:
    """One outcome per request, in order, from one call and one transaction of ticketing's.

    When ticketing refuses the batch as such, each request is asked for alone, in order, so that the one that is at
    fault does not take nine others with it: its place then holds the fault. Raises TransientFault.
    """
    try:
        return list(_allocate(services, requests))
    except PermanentFault as exc:
        if len(requests) == 1:
            return [exc]
    alone: list[Outcome | PermanentFault] = []
    for request in requests:
        alone.extend(allocate(services, [request]))
    return alone


def _allocate(services: SubgraphClient, requests: Sequence[Queued]) -> list[Outcome]:
    variables = {
        "requests": [
            {
                "reservationId": queued.request.reservation_id,
                "customerId": queued.request.customer_id,
                "sessionId": queued.request.session_id,
                "sectorId": queued.request.sector_id,
                "quantity": queued.request.quantity,
                "seatIds": queued.request.seat_ids,
                "idempotencyKey": queued.request.idempotency_key,
                "requestedAt": queued.request.requested_at,
                "sequence": queued.sequence,
            }
            for queued in requests
        ]
    }
    answer = services.ask("ticketing", ALLOCATE, variables)["allocateReservations"]
    outcomes = msgspec.convert(answer, list[Outcome])
    if [outcome.reservation_id for outcome in outcomes] != [queued.request.reservation_id for queued in requests]:
        raise PermanentFault("ticketing answered for other reservations than it was asked for")
    return outcomes
