"""What the services say of a reservation and its money, read from their databases alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from workers.reconcile import documents
from workers.runtime.subgraph_client import SubgraphClient

PREFIX = "reservation:"
_EVENTS_AT_ONCE = 500
_CLOSING_EVENTS: Mapping[str, tuple[str, ...]] = {
    "CONFIRMED": ("order.confirmed",),
    "EXPIRED": ("order.expired", "order.refunded"),
    "CANCELLED": ("order.cancelled",),
}


class Payment(msgspec.Struct, frozen=True, rename="camel"):
    """`kept_minor`: captured, and neither given back nor on its way back."""

    payment_id: str
    reference: str
    payer_id: str
    status: str
    amount_minor: int
    kept_minor: int
    is_open: bool


class Reservation(msgspec.Struct, frozen=True, rename="camel"):
    """`age_seconds`: for how long it could have been finished; negative while its hold lasts."""

    reservation_id: str
    customer_id: str
    status: str
    age_seconds: int
    quantity: int
    total_minor: int
    payment_id: str | None
    tickets: int


class ConcessionOrder(msgspec.Struct, frozen=True, rename="camel"):
    reservation_id: str
    status: str
    total_minor: int


@dataclass(frozen=True, slots=True)
class Case:
    """One reservation with all that belongs to it.

    `reservation` is None when ticketing does not know it: only money says that there should be one. `told` says that
    the event about its end has arrived at notifications and that all it led to was sent.
    """

    reservation_id: str
    reservation: Reservation | None
    payments: tuple[Payment, ...]
    order: ConcessionOrder | None
    told: bool

    @property
    def status(self) -> str:
        return self.reservation.status if self.reservation is not None else "UNKNOWN"

    @property
    def whose(self) -> dict[str, str]:
        """As the steps of the reservation flow take it."""
        customer = self.reservation.customer_id if self.reservation is not None else self.payments[0].payer_id
        return {"reservation_id": self.reservation_id, "customer_id": customer}


def reservation_of(reference: str) -> str | None:
    """The reservation that a payment's reference names; None when it names none."""
    try:
        return str(UUID(reference.removeprefix(PREFIX))) if reference.startswith(PREFIX) else None
    except ValueError:
        return None


def payments_of(services: SubgraphClient, reservation_ids: Iterable[str]) -> dict[str, list[Payment]]:
    """All payments of each reservation, the oldest first. At most 100 reservations."""
    references = [f"{PREFIX}{one}" for one in reservation_ids]
    answer = services.ask("payments", documents.PAYMENT_FACTS, {"references": references})["paymentFacts"]
    found: dict[str, list[Payment]] = defaultdict(list)
    for payment in msgspec.convert(answer, list[Payment]):
        found[payment.reference.removeprefix(PREFIX)].append(payment)
    return found


def gather(services: SubgraphClient, reservation_ids: Sequence[str]) -> list[Case]:
    """The cases of at most 100 reservations, with one question to each service. Raises WorkerFault."""
    ids = list(dict.fromkeys(reservation_ids))
    asked = {"ids": ids}
    answer = services.ask("ticketing", documents.RESERVATION_FACTS, asked)["reservationFacts"]
    reservations = {one.reservation_id: one for one in msgspec.convert(answer, list[Reservation])}
    payments = payments_of(services, ids)
    answer = services.ask("concessions", documents.CONCESSION_FACTS, asked)["concessionOrderFacts"]
    orders = {one.reservation_id: one for one in msgspec.convert(answer, list[ConcessionOrder])}
    told = _told(services, reservations.values(), payments)
    return [Case(one, reservations.get(one), tuple(payments.get(one, ())), orders.get(one), one in told) for one in ids]


def _told(
    services: SubgraphClient, reservations: Iterable[Reservation], payments: Mapping[str, list[Payment]]
) -> set[str]:
    """Those of the reservations whose end has been told: in general, or for one of their payments."""
    asked: dict[str, str] = {}
    for one in reservations:
        for kind in _CLOSING_EVENTS.get(one.status, ()):
            event_id = f"{kind}:{one.reservation_id}"
            about = [f"{event_id}:{payment.payment_id}" for payment in payments.get(one.reservation_id, ())]
            asked |= dict.fromkeys([event_id, *about], one.reservation_id)
    told: set[str] = set()
    event_ids = list(asked)
    for start in range(0, len(event_ids), _EVENTS_AT_ONCE):
        part = event_ids[start : start + _EVENTS_AT_ONCE]
        answer = services.ask("notifications", documents.ARRIVED_EVENTS, {"ids": part})["arrivedEvents"]
        told |= {asked[event["eventId"]] for event in answer if event["unsent"] == 0}
    return told
