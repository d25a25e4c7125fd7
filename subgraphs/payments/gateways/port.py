"""What this service asks of any payment company, and the values that cross.

Creating a charge has two steps, so that the charge's name is stored before any money can move: after a crash
between them there is always something to ask about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from subgraphs.payments.domain.payment import FailureCode, Payment
from subgraphs.payments.domain.refunds import Refund, RefundStatus
from subgraphs.payments.domain.states import PaymentStatus


@dataclass(frozen=True, slots=True)
class Charge:
    """What the gateway says of a charge now. ``status`` is one of ``states.REPORTABLE``.

    ``captured_minor`` is what was received (0 before success), before any refund.
    """

    provider_reference: str
    status: PaymentStatus
    captured_minor: int = 0
    currency: str = "BRL"
    br_code: str | None = None
    end_to_end_id: str | None = None
    card_brand: str | None = None
    card_last4: str | None = None
    failure_code: FailureCode | None = None


@dataclass(frozen=True, slots=True)
class RefundReport:
    """What the gateway says of one submission of a refund."""

    provider_reference: str
    status: RefundStatus
    amount_minor: int
    failure_code: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """One fact out of a verified webhook: a reason to ask the gateway, never a proof.

    ``paid``: it says that money was received. ``refund``: it is about money given back.
    """

    provider: str
    event_id: str
    kind: str
    provider_reference: str | None
    paid: bool = False
    refund: bool = False


class PaymentGateway(Protocol):
    """Every method may raise any ``GatewayFault`` and ends within seconds; all may be repeated without harm."""

    @property
    def provider(self) -> str: ...

    @property
    def least_minor(self) -> int:
        """The smallest amount that can be charged, in minor units."""
        ...

    @property
    def takes_money(self) -> bool:
        """Whether submitting takes the money (a card), rather than making the charge payable (Pix).

        After a fault of the former it is unknown whether money moved; after one of the latter none has, for nobody
        has got what is needed to pay.
        """
        ...

    async def open_charge(self, payment: Payment) -> str:
        """The charge's name at the gateway; no money can move yet."""
        ...

    async def submit_charge(self, payment: Payment, now: datetime) -> Charge:
        """Make the opened charge payable (Pix) or take the money (card)."""
        ...

    async def find_charge(self, payment: Payment) -> Charge | None:
        """None: the gateway has no such charge, or it was never submitted: nobody can have paid it."""
        ...

    async def cancel_charge(self, payment: Payment) -> Charge | None:
        """The charge as it is afterwards: SUCCEEDED or PROCESSING when it was too late; None as in ``find_charge``."""
        ...

    async def submit_refund(self, payment: Payment, refund: Refund) -> RefundReport:
        """``refund.attempt`` names the submission: repeating one never pays back twice."""
        ...

    async def find_refund(self, payment: Payment, refund: Refund) -> RefundReport | None: ...

    def read_webhook(self, body: bytes, headers: Mapping[str, str], now: datetime) -> list[Notice]:
        """Verify signature and timestamp strictly. Raises ``WebhookRefused``."""
        ...


def refund_submission_id(refund_id: UUID, attempt: int) -> str:
    """Names one submission of a refund at a gateway: 34 characters of [a-z0-9], as Pix's ``devolucao`` id allows."""
    return f"{refund_id.hex}{attempt:02d}"
