"""Asking ticketing to allocate a batch of requests, in their order."""

from collections.abc import Mapping, Sequence

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


class Outcome(msgspec.Struct, frozen=True, rename="camel"):
    reservation_id: str
    status: str
    held_until: str | None = None


def allocate(
    services: SubgraphClient, requests: Sequence[ReservationRequest]
) -> list[Outcome | PermanentFault | TransientFault]:
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
    services: SubgraphClient, requests: Sequence[ReservationRequest], outcomes: Sequence[Outcome]
) -> list[Outcome | PermanentFault | TransientFault]:
    waiting = [request for request, outcome in zip(requests, outcomes, strict=True) if outcome.status == _UNDECIDED]
    if not waiting:
        return list(outcomes)
    try:
        born = birth_dates(services, {request.customer_id for request in waiting})
        decided = {outcome.reservation_id: outcome for outcome in _allocate(services, waiting, born)}
    except TransientFault as exc:
        return [exc if outcome.status == _UNDECIDED else outcome for outcome in outcomes]
    if any(outcome.status == _UNDECIDED for outcome in decided.values()):
        raise PermanentFault("ticketing did not decide although it knows the buyers' birth dates")
    return [decided.get(outcome.reservation_id, outcome) for outcome in outcomes]


def _allocate(
    services: SubgraphClient, requests: Sequence[ReservationRequest], born: Mapping[str, str] | None = None
) -> list[Outcome]:
    """``born``: birth dates by customer, once they have been asked for."""
    variables = {
        "requests": [
            {
                "reservationId": request.reservation_id,
                "customerId": request.customer_id,
                "sessionId": request.session_id,
                "sectorId": request.sector_id,
                "quantity": request.quantity,
                "seatIds": request.seat_ids,
                "idempotencyKey": request.idempotency_key,
                "requestedAt": request.requested_at,
                "sequence": request.sequence,
                "buyer": None if born is None else {"birthDate": born.get(request.customer_id)},
            }
            for request in requests
        ]
    }
    answer = services.ask("ticketing", ALLOCATE, variables)["allocateReservations"]
    outcomes = msgspec.convert(answer, list[Outcome])
    if [outcome.reservation_id for outcome in outcomes] != [request.reservation_id for request in requests]:
        raise PermanentFault("ticketing answered for other reservations than it was asked for")
    return outcomes
