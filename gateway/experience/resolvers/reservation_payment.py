"""`Reservation.payment`: of the payments for a reservation, the one that counts."""

from typing import Any
from uuid import UUID

import strawberry
from graphql import GraphQLError

from gateway.experience.context import Context
from gateway.experience.errors import SourceRefused, SourceUnavailable
from gateway.experience.types import Payment

_SETTLED = {"SUCCEEDED", "PARTIALLY_REFUNDED", "REFUNDED", "CHARGED_BACK"}
_OPEN = {"CREATED", "REQUIRES_ACTION", "PROCESSING"}


async def latest_payment(context: Context, reservation_id: UUID) -> Payment | None:
    """A settled payment wins over the open one, that over those that have ended, and of these the latest.

    Raises GraphQLError when payments cannot be asked.
    """
    try:
        payments: list[dict[str, Any]] = await context.loaders.payments.load(reservation_id)
    except (SourceUnavailable, SourceRefused) as exc:
        raise GraphQLError("Payments cannot be read now.", extensions={"code": "SERVICE_UNAVAILABLE"}) from exc
    if not payments:
        return None
    chosen = max(
        payments,
        key=lambda payment: (payment["status"] in _SETTLED, payment["status"] in _OPEN, payment["createdAt"]),
    )
    return Payment(id=strawberry.ID(chosen["id"]))
