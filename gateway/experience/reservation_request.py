"""A request for a reservation: what was asked, as the record keeps it and the queue carries it."""

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec


@dataclass(frozen=True, slots=True)
class ReservationRequest:
    """`seat_ids` is None when any units of the sector will do."""

    reservation_id: UUID
    customer_id: UUID
    idempotency_key: str
    session_id: UUID
    sector_id: UUID
    quantity: int
    seat_ids: tuple[UUID, ...] | None = None

    @property
    def input_hash(self) -> str:
        """Equal for equal input; the order in which seats were named does not matter."""
        seats = None if self.seat_ids is None else sorted(map(str, self.seat_ids))
        asked = [str(self.session_id), str(self.sector_id), self.quantity, seats]
        return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()

    @property
    def group(self) -> str:
        """The scope in which requests are served in their order."""
        return f"{self.session_id}:{self.sector_id}"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request that has been recorded; `sequence` is its number in the queue, None until the queue has taken it.

    `queued_before` says that another call than this one put it there.
    """

    request: ReservationRequest
    requested_at: str
    sequence: int | None = None
    queued_before: bool = False

    def message(self) -> bytes:
        """What the worker reads."""
        request = self.request
        body: dict[str, Any] = {
            "version": 1,
            "reservation_id": str(request.reservation_id),
            "customer_id": str(request.customer_id),
            "session_id": str(request.session_id),
            "sector_id": str(request.sector_id),
            "quantity": request.quantity,
            "seat_ids": None if request.seat_ids is None else [str(seat) for seat in request.seat_ids],
            "idempotency_key": request.idempotency_key,
            "requested_at": self.requested_at,
        }
        return msgspec.json.encode(body)


class KeyReused(Exception):
    """The idempotency key belongs to another input."""
