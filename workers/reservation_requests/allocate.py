"""Asking ticketing to allocate a batch of requests, in their order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from workers.reservation_requests.birth_dates import birth_dates
from workers.reservation_requests.messages import ReservationRequest
from workers.runtime.errors import PermanentFault, TransientFault
from workers.runtime.subgraph_client import SubgraphClient

ALLOCATE = """
mutation AllocateReservations($requests: [AllocationRequest!]!) {
  allocateReservations(requests: $requests) { reservationId status heldUntil }
}
"""


_UNDECIDED = "QUEUED"


@dataclass(frozen=True, slots=True)
class Queued:
    """A request with the number that the queue gave its message."""

    request: ReservationRequest
    sequence: str


class Outcome(msgspec.Struct, frozen=True, rename="camel"):
    reservation_id: str
    status: str
    held_until: str | None = None


def allocate(services: SubgraphClient, requests: Sequence[Queued]) -> list[Outcome | PermanentFault | TransientFault]:
    """One outcome per request, in order, from one call and one transaction of ticketing's.

    Those of which ticketing says that it needs their buyers' birth dates are asked for again with them. While customers
    does not answer their places hold a TransientFault, and they wait in their lines; the others are decided.
    When ticketing refuses the batch as such, each request is asked for alone, in order, so that the one that is at
    fault does not take nine others with it: its place then holds the fault. Raises TransientFault.
    """
    try:
        return _decided(services, requests, _allocate(services, requests))
    except PermanentFault as exc:
        if len(requests) == 1:
            return [exc]
    alone: list[Outcome | PermanentFault | TransientFault] = []
    for request in requests:
        alone.extend(allocate(services, [request]))
    return alone


def _decided(
    services: SubgraphClient, requests: Sequence[Queued], outcomes: Sequence[Outcome]
) -> list[Outcome | PermanentFault | TransientFault]:
    waiting = [queued for queued, outcome in zip(requests, outcomes, strict=True) if outcome.status == _UNDECIDED]
    if not waiting:
        return list(outcomes)
    try:
        born = birth_dates(services, {queued.request.customer_id for queued in waiting})
        decided = {outcome.reservation_id: outcome for outcome in _allocate(services, waiting, born)}
    except TransientFault as exc:
        return [exc if outcome.status == _UNDECIDED else outcome for outcome in outcomes]
    if any(outcome.status == _UNDECIDED for outcome in decided.values()):
        raise PermanentFault("ticketing did not decide although it knows the buyers' birth dates")
    return [decided.get(outcome.reservation_id, outcome) for outcome in outcomes]


def _allocate(
    services: SubgraphClient, requests: Sequence[Queued], born: Mapping[str, str] | None = None
) -> list[Outcome]:
    """``born``: birth dates by customer, once they have been asked for."""
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
                "buyer": None if born is None else {"birthDate": born.get(queued.request.customer_id)},
            }
            for queued in requests
        ]
    }
    answer = services.ask("ticketing", ALLOCATE, variables)["allocateReservations"]
    outcomes = msgspec.convert(answer, list[Outcome])
    if [outcome.reservation_id for outcome in outcomes] != [queued.request.reservation_id for queued in requests]:
        raise PermanentFault("ticketing answered for other reservations than it was asked for")
    return outcomes
