"""Telling ticketing, and through it the buyer, that a request cannot be served."""

from typing import Protocol

from workers.runtime.subgraph_client import SubgraphClient

_FAIL = """
mutation FailReservationRequest($request: FailedRequest!) { failReservationRequest(request: $request) { status } }
"""


class Request(Protocol):
    """A message of the queue, or a record of the gateway's."""

    @property
    def reservation_id(self) -> str: ...
    @property
    def customer_id(self) -> str: ...
    @property
    def session_id(self) -> str: ...
    @property
    def sector_id(self) -> str: ...
    @property
    def quantity(self) -> int: ...
    @property
    def idempotency_key(self) -> str: ...


def fail_request(services: SubgraphClient, request: Request) -> None:
    """Ends it as rejected; one that has been decided keeps its outcome. Raises WorkerFault."""
    given = {
        "reservationId": request.reservation_id,
        "customerId": request.customer_id,
        "sessionId": request.session_id,
        "sectorId": request.sector_id,
        "quantity": request.quantity,
        "idempotencyKey": request.idempotency_key,
    }
    services.ask("ticketing", _FAIL, {"request": given})
