"""Takes a reservation to its end: the ways of the reservation flow, walked by calling its steps one after the other.

Every step is idempotent and its answers are final, so that walking beside an execution of the flow is harmless: a
payment that bought, or was refused, gets that same answer from whoever asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workers.reconcile import documents
from workers.reconcile.facts import PREFIX, Case, Payment, payments_of
from workers.reconcile.findings import Finding, Kind
from workers.reservation_flow.steps import ReservationSteps
from workers.runtime.errors import PermanentFault, TransientFault

# What costs nothing is confirmed without a payment.
_NO_PAYMENT = ""
_REFUND_REASONS = {"AMOUNT_MISMATCH": "amount_mismatch", "UNITS_TAKEN": "units_unavailable"}
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
                self._tell("order.refunded", given, reason="paid_twice", refunded_minor=amount_minor)
            case "CANCELLED":
                self._cancelled(case)
            case refusal:
                reason = _REFUND_REASONS.get(refusal, "units_unavailable")
                self._run("refund_payment", given, reason=reason)
                self._run("release_concessions", given)
                self._tell("order.refunded", given, reason=reason, refunded_minor=amount_minor)

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
        self._close_payments(case)
        if not self._place_what_is_kept(case):
            self._tell("order.expired", case.whose)

    def _place_what_is_kept(self, case: Case) -> bool:
        """Whether there was a payment whose money is here: what it bought, or its refund, is this reservation's end."""
        kept = [payment for payment in self._payments(case) if payment.kept_minor > 0]
        for payment in kept:
            self._paid(case, payment.payment_id, payment.amount_minor)
        return bool(kept)

    def _cancelled(self, case: Case) -> None:
        self._refund_what_is_kept(case)
        self._run("cancel_concessions", case.whose)
        self._close_payments(case)
        self._refund_what_is_kept(case)
        paid = [payment for payment in self._payments(case) if payment.status in _EVER_PAID]
        self._tell(
            "order.cancelled",
            case.whose,
            payment_id=paid[-1].payment_id if paid else _NO_PAYMENT,
            refunded_minor=sum(payment.amount_minor for payment in paid),
        )

    def _close_payments(self, case: Case) -> None:
        """Withdraws what is open. Raises TransientFault while the bank cannot say yet: what is told depends on it."""
        given = {"input": {"reference": f"{PREFIX}{case.reservation_id}"}}
        self.steps.services.ask("payments", documents.CANCEL_PAYMENTS, given)
        if any(payment.is_open for payment in self._payments(case)):
            raise TransientFault("a payment is still in the bank's hands")

    def _refund_what_is_kept(self, case: Case) -> None:
        for payment in self._payments(case):
            if payment.kept_minor > 0:
                given = {**case.whose, "payment_id": payment.payment_id}
                self._run("refund_payment", given, reason="cancelled_by_customer")

    def _payments(self, case: Case) -> list[Payment]:
        """As they are now."""
        return payments_of(self.steps.services, [case.reservation_id])[case.reservation_id]

    def _run(self, step: str, given: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        return self.steps.run(step, {**given, **more})

    def _tell(self, kind: str, given: Mapping[str, Any], **more: Any) -> None:
        self.steps.run("notify", {"type": kind, "data": {**given, **more}})
