"""A payment as a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from subgraphs.payments.domain.states import PaymentStatus


class PaymentMethod(StrEnum):
    PIX = "PIX"
    CARD = "CARD"


class FailureCode(StrEnum):
    """Why no money came. Never the card company's own words: those are for its log, not for the payer."""

    CARD_DECLINED = "CARD_DECLINED"
    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
    EXPIRED_CARD = "EXPIRED_CARD"
    INCORRECT_CARD = "INCORRECT_CARD"
    AUTHENTICATION_REQUIRED = "AUTHENTICATION_REQUIRED"
    REJECTED_BY_GATEWAY = "REJECTED_BY_GATEWAY"
    GATEWAY_UNAVAILABLE = "GATEWAY_UNAVAILABLE"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


EXPIRY_LEEWAY: Final = timedelta(seconds=5)
"""Clocks of callers differ: a payment this close to its end may be expired."""


@dataclass(frozen=True, slots=True)
class Payment:
    """``provider_reference`` is the charge's name at the external gateway: txid of Pix, PaymentIntent of the card."""

    id: UUID
    payer_id: UUID
    reference: str
    method: PaymentMethod
    status: PaymentStatus
    amount_minor: int
    currency: str
    captured_minor: int
    refunded_minor: int
    provider: str
    expires_at: datetime
    created_at: datetime
    updated_at: datetime
    provider_reference: str | None = None
    description: str | None = None
    payer_name: str | None = None
    card_token: str | None = None
    br_code: str | None = None
    end_to_end_id: str | None = None
    card_brand: str | None = None
    card_last4: str | None = None
    failure_code: FailureCode | None = None

    def is_due_to_expire(self, now: datetime) -> bool:
        return self.expires_at <= now + EXPIRY_LEEWAY
