"""The states of a refund, and how much may still be given back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from subgraphs.payments.domain.states import PaymentStatus


class RefundStatus(StrEnum):
    REQUESTED = "REQUESTED"
    SUBMITTED = "SUBMITTED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


_R = RefundStatus

TRANSITIONS: Final = MappingProxyType(
    {
        _R.REQUESTED: frozenset({_R.SUBMITTED}),
        _R.SUBMITTED: frozenset({_R.SUCCEEDED, _R.FAILED}),
        _R.FAILED: frozenset({_R.SUBMITTED}),
        _R.SUCCEEDED: frozenset[RefundStatus](),
    }
)

COMMITTED: Final = frozenset({_R.REQUESTED, _R.SUBMITTED, _R.SUCCEEDED})
"""Money that is given back or on its way: what the sum under the payment's row lock counts."""

UNDER_WAY: Final = frozenset({_R.REQUESTED, _R.SUBMITTED})

MAX_ATTEMPTS: Final = 5
"""How often a failed refund is submitted anew before a person has to look."""


@dataclass(frozen=True, slots=True)
class Refund:
    """``attempt`` numbers the submissions from 1: each has its own id at the external gateway."""

    id: UUID
    payment_id: UUID
    amount_minor: int
    reason: str
    status: RefundStatus
    attempt: int
    created_at: datetime
    provider_reference: str | None = None
    failure_code: str | None = None


def refundable_minor(captured_minor: int, refunds: Iterable[Refund]) -> int:
    """What is left: captured − Σ(requested + submitted + succeeded). Never negative while the invariant holds."""
    return captured_minor - sum(refund.amount_minor for refund in refunds if refund.status in COMMITTED)


def refund_steps_towards(current: RefundStatus, reported: RefundStatus) -> tuple[RefundStatus, ...]:
    """The states to go through when the gateway reports ``reported``; empty: nothing changes. SUCCEEDED absorbs."""
    if current is reported or reported is _R.REQUESTED:
        return ()
    if reported in TRANSITIONS[current]:
        return (reported,)
    if _R.SUBMITTED in TRANSITIONS[current]:
        return (_R.SUBMITTED, reported)
    return ()


def status_after_refund(captured_minor: int, refunded_minor: int) -> PaymentStatus:
    """The payment's status once ``refunded_minor`` (> 0) of ``captured_minor`` went back."""
    return PaymentStatus.REFUNDED if refunded_minor >= captured_minor else PaymentStatus.PARTIALLY_REFUNDED
