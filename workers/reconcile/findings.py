"""What is not as it should be with a reservation: decided from facts alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from workers.reconcile.facts import Case, Payment

_HOLDING = frozenset({"HELD", "AWAITING_PAYMENT"})
# What a cancelled reservation may still have ordered; what is being prepared cannot be cancelled any more.
_CANCELLABLE = frozenset({"PLACED", "PAID"})


class Kind(StrEnum):
    """Names as people read them; also the values of the metric's dimension."""

    PAYMENT_UNPLACED = "payment unplaced"
    MONEY_LEFT_OVER = "money left over"
    TICKETS_MISSING = "tickets missing"
    CONFIRMATION_UNTOLD = "confirmation untold"
    HOLD_OVERDUE = "hold overdue"
    EXPIRY_UNFINISHED = "expiry unfinished"
    CANCELLATION_UNFINISHED = "cancellation unfinished"
    PAYMENT_OVERDUE = "payment overdue"
    REFUND_UNFINISHED = "refund unfinished"
    ORDER_OVERDUE = "order overdue"


@dataclass(frozen=True, slots=True)
class Finding:
    """`payment` is the one that it is about, if there is one."""

    kind: Kind
    payment: Payment | None = None


def findings(case: Case) -> list[Finding]:
    """What has to be done for the reservation, in this order; nothing when all is in order, or may still change."""
    found = list(_unplaced(case))
    match case.status:
        case "CONFIRMED":
            found += _of_confirmed(case)
        case "HELD" | "AWAITING_PAYMENT":
            if not found and case.reservation is not None and case.reservation.age_seconds >= 0:
                found.append(Finding(Kind.HOLD_OVERDUE))
        case "EXPIRED":
            if not found and (not case.told or _is_anything_open(case)):
                found.append(Finding(Kind.EXPIRY_UNFINISHED))
        case "CANCELLED":
            kept = any(payment.kept_minor > 0 for payment in case.payments)
            ordered = case.order is not None and case.order.status in _CANCELLABLE
            if kept or ordered or not case.told or _is_anything_open(case):
                found.append(Finding(Kind.CANCELLATION_UNFINISHED))
    return found


def is_settled(case: Case) -> bool:
    """Nothing is left to do, and nothing will be unless the reservation's status or a payment's changes."""
    return case.status not in _HOLDING and not findings(case)


def _unplaced(case: Case) -> Iterator[Finding]:
    # Of a cancelled reservation, all money goes back in one step.
    if case.status == "CANCELLED":
        return
    for payment in case.payments:
        if payment.kept_minor > 0 and payment is not _buying(case):
            yield Finding(Kind.PAYMENT_UNPLACED, payment)


def _of_confirmed(case: Case) -> Iterator[Finding]:
    reservation, buying = case.reservation, _buying(case)
    if reservation is None:
        return
    if reservation.tickets < reservation.quantity:
        yield Finding(Kind.TICKETS_MISSING)
    if buying is not None and buying.kept_minor > reservation.total_minor + _ordered_minor(case):
        yield Finding(Kind.MONEY_LEFT_OVER, buying)
    elif not case.told:
        yield Finding(Kind.CONFIRMATION_UNTOLD, buying)


def _buying(case: Case) -> Payment | None:
    """The payment that bought the reservation."""
    if case.reservation is None or case.status != "CONFIRMED":
        return None
    return next((one for one in case.payments if one.payment_id == case.reservation.payment_id), None)


def _ordered_minor(case: Case) -> int:
    """What of the money bought concessions: an order that is only placed has bought nothing yet."""
    return case.order.total_minor if case.order is not None and case.order.status != "PLACED" else 0


def _is_anything_open(case: Case) -> bool:
    placed = case.order is not None and case.order.status == "PLACED"
    return placed or any(payment.is_open for payment in case.payments)
