"""Inputs and outcomes of the operations that only the gateway and the workers use. Ids are raw UUIDs."""

from __future__ import annotations

from datetime import datetime

import strawberry

from subgraphs.chassis.graphql.types import Currency, UserError
from subgraphs.payments.domain.payment import PaymentMethod
from subgraphs.payments.domain.refunds import RefundStatus
from subgraphs.payments.domain.states import PaymentStatus
from subgraphs.payments.types import Payment

strawberry.federation.enum(RefundStatus, inaccessible=True)


@strawberry.federation.input(inaccessible=True)
class CreatePaymentCardInput:
    payment_method_id: str = strawberry.field(description="`pm_…` of the card company; never a card's number.")


@strawberry.federation.input(inaccessible=True)
class CreatePaymentInput:
    reference: str
    amount_minor: int
    currency: Currency
    method: PaymentMethod
    expires_at: datetime
    idempotency_key: str
    card: CreatePaymentCardInput | None = None
    description: str | None = None
    payer_name: str | None = None
    asked_at: datetime | None = strawberry.field(
        default=None, description="When the payer asked; null: now. What the payer was told of before may be replaced."
    )


@strawberry.federation.input(inaccessible=True)
class SubmitPaymentInput:
    payment_id: strawberry.ID = strawberry.field(description="The global id that `createPayment` gave.")


@strawberry.federation.type(inaccessible=True)
class PaymentPayload:
    payment: Payment | None
    errors: list[UserError]


@strawberry.federation.input(inaccessible=True)
class ReconcilePaymentsInput:
    reference: str | None = None
    payment_id: strawberry.ID | None = None


@strawberry.federation.type(inaccessible=True)
class ReconciledPayment:
    payment_id: strawberry.ID
    status: PaymentStatus
    amount_minor: int
    method: PaymentMethod
    reference: str
    payer_id: strawberry.ID


@strawberry.federation.type(inaccessible=True)
class ReconcilePaymentsPayload:
    payments: list[ReconciledPayment]


@strawberry.federation.input(inaccessible=True)
class CancelPaymentsInput:
    reference: str


@strawberry.federation.type(inaccessible=True)
class CancelPaymentsPayload:
    cancelled: int
    settled_payment_id: strawberry.ID | None


@strawberry.federation.input(inaccessible=True)
class ExpirePaymentInput:
    payment_id: strawberry.ID


@strawberry.federation.type(inaccessible=True)
class ExpirePaymentPayload:
    status: PaymentStatus | None = strawberry.field(description="Null: there is no such payment.")


@strawberry.federation.input(inaccessible=True)
class RefundPaymentInput:
    payment_id: strawberry.ID
    reason: str
    idempotency_key: str
    amount_minor: int | None = strawberry.field(default=None, description="Null: all that is left.")


@strawberry.federation.type(inaccessible=True)
class RefundPaymentPayload:
    refund_id: strawberry.ID | None
    status: RefundStatus | None
    errors: list[UserError]
    amount_minor: int | None = strawberry.field(default=None, description="What this refund gives back.")
