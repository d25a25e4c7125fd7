"""The states of a payment and the only ways between them."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class PaymentStatus(StrEnum):
    CREATED = "CREATED"
    REQUIRES_ACTION = "REQUIRES_ACTION"
    PROCESSING = "PROCESSING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"
    CHARGED_BACK = "CHARGED_BACK"


_S = PaymentStatus

# FAILED, EXPIRED and CANCELLED → SUCCEEDED is the external gateway's late truth: the money did move.
# PARTIALLY_REFUNDED → REFUNDED is a further refund of the rest.
TRANSITIONS: Final = MappingProxyType(
    {
        _S.CREATED: frozenset({_S.REQUIRES_ACTION, _S.PROCESSING, _S.FAILED}),
        _S.REQUIRES_ACTION: frozenset({_S.PROCESSING, _S.SUCCEEDED, _S.FAILED, _S.EXPIRED, _S.CANCELLED}),
        _S.PROCESSING: frozenset({_S.SUCCEEDED, _S.FAILED}),
        _S.FAILED: frozenset({_S.SUCCEEDED}),
        _S.EXPIRED: frozenset({_S.SUCCEEDED}),
        _S.CANCELLED: frozenset({_S.SUCCEEDED}),
        _S.SUCCEEDED: frozenset({_S.PARTIALLY_REFUNDED, _S.REFUNDED, _S.CHARGED_BACK}),
        _S.PARTIALLY_REFUNDED: frozenset({_S.REFUNDED}),
        _S.REFUNDED: frozenset[PaymentStatus](),
        _S.CHARGED_BACK: frozenset[PaymentStatus](),
    }
)

OPEN: Final = frozenset({_S.CREATED, _S.REQUIRES_ACTION, _S.PROCESSING})
"""Money may still move without anybody asking again."""

REFUNDABLE: Final = frozenset({_S.SUCCEEDED, _S.PARTIALLY_REFUNDED})

CAPTURED: Final = frozenset({_S.SUCCEEDED, _S.PARTIALLY_REFUNDED, _S.REFUNDED, _S.CHARGED_BACK})
"""The payer's money was received, whatever became of it afterwards."""

GIVEN_UP: Final = frozenset({_S.FAILED, _S.EXPIRED, _S.CANCELLED})
"""Ended without money. Only the gateway's late truth leads on."""

REPORTABLE: Final = frozenset({_S.REQUIRES_ACTION, _S.PROCESSING, _S.SUCCEEDED, _S.FAILED, _S.EXPIRED, _S.CANCELLED})
"""What an external gateway can say of a charge."""


class IllegalTransition(ValueError):
    """A step that the table does not have: a fault of ours, never of a caller."""

    def __init__(self, current: PaymentStatus, target: PaymentStatus) -> None:
        super().__init__(f"A payment does not go from {current} to {target}.")


def check_step(current: PaymentStatus, target: PaymentStatus) -> None:
    """Raises ``IllegalTransition`` unless the table has the step."""
    if target not in TRANSITIONS[current]:
        raise IllegalTransition(current, target)


def steps_towards(current: PaymentStatus, reported: PaymentStatus) -> tuple[PaymentStatus, ...]:
    """The states to go through, in order, when the external gateway reports ``reported``; empty: nothing changes.

    Monotonic: a report never leads backwards, and no failure changes a payment whose money arrived. Reports may
    therefore come late, twice and in any order.
    Raises ``ValueError`` for a status that no gateway reports.
    """
    if reported not in REPORTABLE:
        raise ValueError(f"No gateway reports {reported}.")
    if current is reported or current in CAPTURED:
        return ()
    if reported in TRANSITIONS[current]:
        return (reported,)
    if reported is _S.SUCCEEDED:  # only CREATED has no direct way
        return (_S.PROCESSING, _S.SUCCEEDED)
    if reported in {_S.EXPIRED, _S.CANCELLED} and current in OPEN:
        return (_S.FAILED,)
    return ()
