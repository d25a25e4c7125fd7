"""Finds what is neither finished nor under way, whatever was lost that should have seen to it, and takes it to its end.

Nothing but the services' databases is believed: no execution, queue or table of AWS is asked what it knows. What is
found in order is noted with its service, so that a run looks at what is new, and one that is cut off is continued by
the next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from workers.reconcile import documents
from workers.reconcile.endings import Endings
from workers.reconcile.facts import PREFIX, Case, gather, reservation_of
from workers.reconcile.findings import Finding, Kind, findings, is_settled
from workers.reconcile.report import Report, Unsettled
from workers.reservation_flow.steps import ReservationSteps
from workers.runtime.errors import PermanentFault, TransientFault, WorkerFault
from workers.runtime.logging import log
from workers.runtime.subgraph_client import SubgraphClient

PAGE = 50
MOST = 1_000
"""Of each sort, in one run."""

GRACE_SECONDS = 30
"""For how long the ordinary flow is left alone with what has just happened."""

ALARMING_SECONDS = 3_600
"""What is still found after this time has been tried many times: a person should look."""

_LARGEST_SWEEPS = 50


class OutOfTime(Exception):
    """The run has to end; the next one goes on."""


@dataclass(slots=True)
class Reconciliation:
    """`dry`: finds and tells, and changes nothing. `ends_at` is a moment of the clock, in seconds."""

    steps: ReservationSteps
    dry: bool = False
    grace_seconds: int = GRACE_SECONDS
    ends_at: float = float("inf")
    clock: Callable[[], float] = time.monotonic
    report: Report = field(default_factory=Report)
    _seen: set[str] = field(default_factory=set)

    @property
    def _services(self) -> SubgraphClient:
        return self.steps.services

    def run(self) -> Report:
        """One run. A service that is away ends its part only: what the others can do is done."""
        for part in (self._payments, self._reservations, self._overdue_orders, self._overdue_payments, self._refunds):
            try:
                part()
            except OutOfTime:
                self.report.unfinished = "the time for one run is over"
                break
            except WorkerFault as fault:
                self.report.unfinished = str(fault)
                log("reconciliation_part_failed", level="warning", part=part.__name__, reason=str(fault))
        log(
            "reconciled",
            dry=self.dry,
            found={kind.value: number for kind, number in self.report.found.items()},
            done={kind.value: number for kind, number in self.report.done.items()},
            unsettled=len(self.report.unsettled),
            in_order=self.report.in_order,
            unfinished=self.report.unfinished,
        )
        return self.report

    def _payments(self) -> None:
        """Money first: every payment that holds some and that nobody has accounted for."""

        def ask(after: str | None) -> list[dict[str, Any]]:
            answer = self._services.ask("payments", documents.UNACCOUNTED_PAYMENTS, self._payments_page(after))
            return list(answer["unaccountedPayments"])

        for page in self._pages(ask):
            named = {row["paymentId"]: reservation_of(row["reference"]) for row in page}
            for payment_id, reservation_id in named.items():
                if reservation_id is None:
                    self._left(Kind.PAYMENT_UNPLACED, payment_id, "its reference names no reservation", passing=False)
            self._look_at([one for one in named.values() if one is not None])

    def _reservations(self) -> None:
        def ask(after: str | None) -> list[dict[str, Any]]:
            given = {"first": PAGE, "grace": self.grace_seconds, "after": after}
            answer = self._services.ask("ticketing", documents.UNSETTLED_RESERVATIONS, given)
            return list(answer["unsettledReservations"])

        for page in self._pages(ask):
            self._look_at([row["reservationId"] for row in page])

    def _overdue_orders(self) -> None:
        overdue = int(self._services.ask("concessions", documents.OVERDUE_ORDERS, {})["overdueConcessionOrders"])
        self.report.found[Kind.ORDER_OVERDUE] += overdue
        for _ in range(0 if self.dry or not overdue else _LARGEST_SWEEPS):
            ended = int(
                self._services.ask("concessions", documents.EXPIRE_OVERDUE_ORDERS, {})["expireOverdueConcessionOrders"]
            )
            self.report.done[Kind.ORDER_OVERDUE] += ended
            if not ended:
                break

    def _overdue_payments(self) -> None:
        """The external gateway says whether they were paid after all."""

        def ask(after: str | None) -> list[dict[str, Any]]:
            answer = self._services.ask("payments", documents.OVERDUE_PAYMENTS, self._payments_page(after))
            return list(answer["overduePayments"])

        for page in self._pages(ask):
            for row in page:
                self._do(Kind.PAYMENT_OVERDUE, row["paymentId"], partial(self._expire, row["paymentId"]))

    def _refunds(self) -> None:
        def ask(after: str | None) -> list[dict[str, Any]]:
            given = {"first": PAGE, "grace": self.grace_seconds, "after": after}
            return list(self._services.ask("payments", documents.UNFINISHED_REFUNDS, given)["unfinishedRefunds"])

        for page in self._pages(ask):
            for row in page:
                self._do(Kind.REFUND_UNFINISHED, row["refundId"], partial(self._push, row["refundId"]))

    def _expire(self, payment_id: str) -> None:
        self._services.ask("payments", documents.EXPIRE_PAYMENT, {"input": {"paymentId": payment_id}})

    def _push(self, refund_id: str) -> None:
        answer = self._services.ask("payments", documents.PUSH_REFUND, {"input": {"refundId": refund_id}})
        status = answer["pushRefund"]["status"]
        if status is None:
            raise TransientFault("the external gateway could not be asked about the refund")
        if status == "FAILED":
            raise PermanentFault("the external gateway refuses the refund")

    def _payments_page(self, after: str | None) -> dict[str, Any]:
        page = {"referencePrefix": PREFIX, "first": PAGE, "graceSeconds": self.grace_seconds, "after": after}
        return {"input": page}

    def _pages(self, ask: Callable[[str | None], list[dict[str, Any]]]) -> Iterator[list[dict[str, Any]]]:
        """Page after page, by the cursor of the last row: what stays unsettled does not come again in this run."""
        after: str | None = None
        for _ in range(MOST // PAGE):
            self._check_time()
            page = ask(after)
            if page:
                yield page
            if len(page) < PAGE:
                return
            after = page[-1]["cursor"]
        self.report.unfinished = f"more than {MOST} of a sort"

    def _look_at(self, reservation_ids: list[str]) -> None:
        fresh = [one for one in dict.fromkeys(reservation_ids) if one not in self._seen]
        self._seen.update(fresh)
        if not fresh:
            return
        settled: list[Case] = []
        try:
            for case in gather(self._services, fresh):
                self._check_time()
                for finding in findings(case):
                    self._mend(case, finding)
                if is_settled(case):
                    settled.append(case)
        finally:
            self._note(settled)

    def _mend(self, case: Case, finding: Finding) -> None:
        endings = Endings(self.steps)
        mended = self._do(finding.kind, case.reservation_id, lambda: endings.bring_about(case, finding))
        age = case.reservation.age_seconds if case.reservation is not None else 0
        if mended and age > ALARMING_SECONDS:
            self._left(finding.kind, case.reservation_id, "found again and again for more than an hour", passing=False)

    def _do(self, kind: Kind, subject: str, act: Callable[[], object]) -> bool:
        """Whether it was done. One thing that cannot be done keeps nobody from the next."""
        self._check_time()
        self.report.found[kind] += 1
        if self.dry:
            return False
        try:
            act()
        except Exception as fault:
            passing = not isinstance(fault, PermanentFault)
            self._left(kind, subject, f"{type(fault).__name__}: {fault}", passing=passing)
            return False
        self.report.done[kind] += 1
        log("reconciled_one", kind=kind.value, subject=subject)
        return True

    def _left(self, kind: Kind, subject: str, reason: str, *, passing: bool) -> None:
        self.report.unsettled.append(Unsettled(kind, subject, reason, passing))
        level = "warning" if passing else "error"
        log("reconciliation_left_undone", level=level, kind=kind.value, subject=subject, reason=reason)

    def _note(self, settled: list[Case]) -> None:
        self.report.in_order += len(settled)
        if self.dry or not settled:
            return
        reservations = [
            {"reservationId": case.reservation_id, "status": case.status}
            for case in settled
            if case.reservation is not None
        ]
        accounted: list[Mapping[str, str]] = [
            {"paymentId": payment.payment_id, "status": payment.status}
            for case in settled
            for payment in case.payments
            if payment.kept_minor > 0
        ]
        # Payments last: while a payment is unaccounted for, its reservation is looked at again.
        self._services.ask("ticketing", documents.SETTLE_RESERVATIONS, {"settled": reservations})
        for start in range(0, len(accounted), PAGE):
            part = accounted[start : start + PAGE]
            self._services.ask("payments", documents.ACCOUNT_FOR_PAYMENTS, {"accounted": part})

    def _check_time(self) -> None:
        if self.clock() >= self.ends_at:
            raise OutOfTime
