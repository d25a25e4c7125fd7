"""Takes a reservation to its end: the ways of the reservation flow, walked by calling its steps one after the other.

Every step is idempotent and its answers are final, so that walking beside an execution of the flow is harmless: a
payment that bought, or was refused, gets that same answer from whoever asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workers.reconcile.facts import Case, payments_of
from workers.reconcile.findings import Finding, Kind
from workers.reservation_flow.steps import ReservationSteps
from workers.runtime.errors import PermanentFault

# What costs nothing is confirmed without a payment.
_NO_PAYMENT = ""
_EVER_PAID = frozenset({"SUCCEEDED", "PARTIALLY_REFUNDED", "REFUNDED"})


@dataclass(frozen=True, slots=True)
class Endings:
    steps: ReservationSteps

    def bring_about(self, case: Case, finding: Finding) -> None:
        """Raises WorkerFault when it cannot be done (now)."""
        match finding.kind:
            case Kind.PAYMENT_UNPLACED | Kind.MONEY_LEFT_OVER | Kind.CONFIRMATION_UNTOLD:
                if finding.payment is not None:
                    self._paid(case, finding.payment.payment_id, finding.payment.amount_minor)
                elif case.reservation is not None and case.reservation.payment_id is None:
                    self._paid(case, _NO_PAYMENT, 0)
                else:
                    raise PermanentFault("the reservation is confirmed and payments do not know its payment")
            case Kind.HOLD_OVERDUE | Kind.EXPIRY_UNFINISHED:
                self._over(case)
            case Kind.CANCELLATION_UNFINISHED:
                self._cancelled(case)
            case _:
                raise PermanentFault("no step of the flow mends this: a person has to look")

    def _paid(self, case: Case, payment_id: str, amount_minor: int) -> None:
        given = {**case.whose, "payment_id": payment_id, "amount_minor": amount_minor}
        answer = self._run("confirm_reservation", given)
        match answer["status"]:
            case "CONFIRMED":
                self._confirmed(given, answer["order"])
            case "DUPLICATE_PAYMENT":
                self._run("refund_payment", given, reason="paid_twice")
            case "CANCELLED":
                self._cancelled(case)
            case _:
                self._run("refund_payment", given, reason="units_unavailable")
                self._run("release_concessions", given)
                self._tell("order.refunded", given, amount_minor=amount_minor)

    def _confirmed(self, given: Mapping[str, Any], order: Mapping[str, Any]) -> None:
        concessions = self._run("confirm_concessions", given, tickets_total_minor=order["total_minor"])
        refund_minor = concessions["refund_minor"]
        if refund_minor > 0:
            self._run("refund_payment", given, reason="concessions_unavailable", refund_minor=refund_minor)
        self._tell("order.confirmed", given, order=order, concessions=concessions, amount_minor=given["amount_minor"])

    def _over(self, case: Case) -> None:
        """As at the deadline of the flow: the payment gateway has the last word before units are given back."""
        self._run("ask_payments", case.whose)
        if self._place_what_is_kept(case):
            return
        status = self._run("expire_reservation", case.whose)["status"]
        if status == "CANCELLED":
            self._cancelled(case)
        if status != "EXPIRED":
            return
        self._run("release_concessions", case.whose)
        settled = self._run("cancel_payments", case.whose)["settled_payment_id"]
        if settled and self._place_what_is_kept(case):
            return
        self._tell("order.expired", case.whose)

    def _place_what_is_kept(self, case: Case) -> bool:
        """Whether there was a payment whose money is here: what it bought, or its refund, is this reservation's end."""
        placed = False
        for payment in payments_of(self.steps.services, [case.reservation_id])[case.reservation_id]:
            if payment.kept_minor > 0:
                self._paid(case, payment.payment_id, payment.amount_minor)
                placed = True
        return placed

    def _cancelled(self, case: Case) -> None:
        whose = case.whose
        self._refund_what_is_kept(case)
        self._run("cancel_concessions", whose)
        if self._run("cancel_payments", whose)["settled_payment_id"]:
            self._refund_what_is_kept(case)
        payments = payments_of(self.steps.services, [case.reservation_id])[case.reservation_id]
        self._tell("order.cancelled", whose, refunded=any(one.status in _EVER_PAID for one in payments))

    def _refund_what_is_kept(self, case: Case) -> None:
        for payment in payments_of(self.steps.services, [case.reservation_id])[case.reservation_id]:
            if payment.kept_minor > 0:
                given = {**case.whose, "payment_id": payment.payment_id}
                self._run("refund_payment", given, reason="cancelled_by_customer")

    def _run(self, step: str, given: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        return self.steps.run(step, {**given, **more})

    def _tell(self, kind: str, given: Mapping[str, Any], **more: Any) -> None:
        self.steps.run("notify", {"type": kind, "data": {**given, **more}})
