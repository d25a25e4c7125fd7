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


@dataclass(frozen=True, slots=True)
class Reservation:
    """`ended` is None as long as orders may be placed."""

    id: UUID
    customer_id: UUID
    ended: Ending | None
