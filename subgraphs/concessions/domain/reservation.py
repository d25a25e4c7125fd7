"""What concessions know of a reservation: whose it is, and whether it has ended."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Ending(StrEnum):
    """How the reservation's flow has ended it. Nothing is placed for it afterwards.

    Money that comes after EXPIRED may still buy what was ordered; after CANCELLED it may not.
    """

    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


class Confirmation(StrEnum):
    """What a payment bought. `NONE` when the reservation has no order; all but `PAID` mean: give that money back."""

    PAID = "PAID"
    NONE = "NONE"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    AMOUNT_MISMATCH = "AMOUNT_MISMATCH"


@dataclass(frozen=True, slots=True)
class Reservation:
    """`ended` is None as long as orders may be placed; `refusal` is the answer that `refused_payment_id` got."""

    id: UUID
    customer_id: UUID
    ended: Ending | None
    refused_payment_id: UUID | None
    refusal: Confirmation | None

    def refusal_of(self, payment_id: UUID) -> Confirmation | None:
        """Return what this payment was told when it bought nothing; None when it has not asked or has bought."""
        return self.refusal if self.refused_payment_id == payment_id else None
