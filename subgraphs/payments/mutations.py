"""The internal operations: inputs are checked here, outcomes of the use cases become payloads."""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from typing import Final, cast
from uuid import UUID

import strawberry

from subgraphs.chassis import idempotency
from subgraphs.chassis.graphql import global_id
from subgraphs.chassis.graphql.bad_values import storable
from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.errors import BadInput, ClientFault
from subgraphs.chassis.graphql.guards import GATEWAY, customer_of, internal_only
from subgraphs.chassis.graphql.types import ErrorCode, user_error
from subgraphs.payments.domain.payment import FailureCode, PaymentMethod
from subgraphs.payments.domain.refunds import Refund
from subgraphs.payments.domain.text import is_acceptable, one_line
from subgraphs.payments.errors import GatewayFault
from subgraphs.payments.internal_types import (
    CancelPaymentsInput,
    CancelPaymentsPayload,
    CreatePaymentInput,
    ExpirePaymentInput,
    ExpirePaymentPayload,
    PaymentPayload,
    ReconciledPayment,
    ReconcilePaymentsInput,
    ReconcilePaymentsPayload,
    RefundPaymentInput,
    RefundPaymentPayload,
    SubmitPaymentInput,
)
from subgraphs.payments.ports import Ports
from subgraphs.payments.reconciliation import ReconciliationMutation
from subgraphs.payments.repositories import payments
from subgraphs.payments.texts import failure_text, refusal_text
from subgraphs.payments.types import payment_type
from subgraphs.payments.use_cases.cancel_payments import cancel_payments
from subgraphs.payments.use_cases.create_payment import Created, CreatePayment, Refusal, create_payment, outcome_of
from subgraphs.payments.use_cases.expire_payment import expire_payment
from subgraphs.payments.use_cases.reconcile_payments import reconcile_payments
from subgraphs.payments.use_cases.refund_payment import RefundPayment, RefundRefusal, refund_payment
from subgraphs.payments.use_cases.submit_payment import submit_payment

MAX_AMOUNT_MINOR: Final = 99_999_999  # the card company's most
LONGEST_LIFE: Final = timedelta(days=7)
DESCRIPTION_LENGTH: Final = 140  # of ``solicitacaoPagador`` in the Pix API v2
NAME_LENGTH: Final = 200  # of ``infoAdicionais`` there

_REFERENCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]{0,99}", re.ASCII)
_CARD_TOKEN: Final = re.compile(r"pm_[A-Za-z0-9_]{1,60}", re.ASCII)

_CODE_OF_REFUSAL: Final = {
    Refusal.KEY_REUSED: (ErrorCode.IDEMPOTENCY_KEY_REUSED, "idempotencyKey"),
    Refusal.TOO_SMALL: (ErrorCode.AMOUNT_TOO_SMALL, "method"),
    Refusal.EXPIRED: (ErrorCode.EXPIRED, "expiresAt"),
    Refusal.ALREADY_PAID: (ErrorCode.INVALID_STATE, None),
    Refusal.IN_PROCESS: (ErrorCode.INVALID_STATE, None),
    Refusal.REPLACED: (ErrorCode.INVALID_STATE, None),
    Refusal.DECLINED: (ErrorCode.PAYMENT_DECLINED, None),
    Refusal.GATEWAY_UNAVAILABLE: (ErrorCode.SERVICE_UNAVAILABLE, None),
}
_CODE_OF_REFUND_REFUSAL: Final = {
    RefundRefusal.NOT_FOUND: (ErrorCode.NOT_FOUND, "paymentId"),
    RefundRefusal.NOT_REFUNDABLE: (ErrorCode.INVALID_STATE, "paymentId"),
    RefundRefusal.MORE_THAN_LEFT: (ErrorCode.AMOUNT_MISMATCH, "amountMinor"),
    RefundRefusal.KEY_REUSED: (ErrorCode.IDEMPOTENCY_KEY_REUSED, "idempotencyKey"),
}


class GatewayNotAvailable(ClientFault):
    """The external gateway could not be asked: the caller tries again, and takes nothing for granted meanwhile."""

    code = "SERVICE_UNAVAILABLE"


@strawberry.type
class Mutation(ReconciliationMutation):
    @strawberry.federation.mutation(
        inaccessible=True, description="Records it; `submitPayment` brings it to its gateway. Errors charge nothing."
    )
    async def create_payment(self, info: Info, input: CreatePaymentInput) -> PaymentPayload:
        internal_only(info, GATEWAY)
        payer_id = customer_of(info)
        ports = _ports(info)
        wrong = _wrong_field(ports, input)
        if wrong is not None:
            return PaymentPayload(payment=None, errors=[user_error(info, ErrorCode.INVALID_INPUT, wrong)])
        command = CreatePayment(
            payer_id=payer_id,
            reference=input.reference,
            amount_minor=input.amount_minor,
            currency=input.currency.value,
            method=input.method,
            card_token=input.card.payment_method_id if input.card else None,
            description=_one_line(input.description, DESCRIPTION_LENGTH),
            payer_name=_one_line(input.payer_name, NAME_LENGTH),
            expires_at=input.expires_at.astimezone(UTC),
            idempotency_key=input.idempotency_key,
            asked_at=input.asked_at.astimezone(UTC) if input.asked_at else None,
        )
        return _payload(info, await create_payment(ports, command))

    @strawberry.federation.mutation(
        inaccessible=True,
        description="An error means that nothing was and nothing will be charged; else the payment is to be followed.",
    )
    async def submit_payment(self, info: Info, input: SubmitPaymentInput) -> PaymentPayload:
        internal_only(info, GATEWAY)
        payer_id = customer_of(info)
        payment_id = global_id.decode("Payment", input.payment_id)
        payment = None
        if payment_id is not None:
            async with info.context.database.connect() as connection:
                payment = (await payments.list_of_payer(connection, payer_id, [payment_id])).get(payment_id)
        if payment is None:
            return PaymentPayload(payment=None, errors=[user_error(info, ErrorCode.NOT_FOUND, "paymentId")])
        return _payload(info, outcome_of(await submit_payment(_ports(info), payment)))

    @strawberry.federation.mutation(inaccessible=True)
    async def reconcile_payments(
        self,
        info: Info,
        input: ReconcilePaymentsInput,
    ) -> ReconcilePaymentsPayload:
        internal_only(info)
        if (input.reference is None) == (input.payment_id is None):
            raise BadInput("Give either a reference or a paymentId.")
        payment_id = None if input.payment_id is None else _raw_id(input.payment_id)
        reference = None if input.reference is None else storable(input.reference, "input", "reference")
        try:
            found = await reconcile_payments(_ports(info), reference=reference, payment_id=payment_id)
        except GatewayFault as exc:
            raise GatewayNotAvailable("The external payment gateway could not be asked.") from exc
        return ReconcilePaymentsPayload(
            payments=[
                ReconciledPayment(
                    payment_id=strawberry.ID(str(payment.id)),
                    status=payment.status,
                    amount_minor=payment.amount_minor,
                    method=payment.method,
                    reference=payment.reference,
                    payer_id=strawberry.ID(str(payment.payer_id)),
                )
                for payment in found
            ]
        )

    @strawberry.federation.mutation(inaccessible=True)
    async def cancel_payments(self, info: Info, input: CancelPaymentsInput) -> CancelPaymentsPayload:
        internal_only(info)
        try:
            outcome = await cancel_payments(_ports(info), storable(input.reference, "input", "reference"))
        except GatewayFault as exc:
            raise GatewayNotAvailable("The external payment gateway could not be asked.") from exc
        settled = outcome.settled_payment_id
        return CancelPaymentsPayload(
            cancelled=outcome.cancelled,
            settled_payment_id=None if settled is None else strawberry.ID(str(settled)),
        )

    @strawberry.federation.mutation(inaccessible=True)
    async def expire_payment(self, info: Info, input: ExpirePaymentInput) -> ExpirePaymentPayload:
        internal_only(info)
        try:
            payment = await expire_payment(_ports(info), _raw_id(input.payment_id))
        except GatewayFault as exc:
            raise GatewayNotAvailable("The external payment gateway could not be asked.") from exc
        return ExpirePaymentPayload(status=None if payment is None else payment.status)

    @strawberry.federation.mutation(inaccessible=True)
    async def refund_payment(self, info: Info, input: RefundPaymentInput) -> RefundPaymentPayload:
        internal_only(info)
        wrong = _wrong_refund_field(input)
        if wrong is not None:
            error = user_error(info, ErrorCode.INVALID_INPUT, wrong)
            return RefundPaymentPayload(refund_id=None, status=None, errors=[error])
        command = RefundPayment(
            payment_id=_raw_id(input.payment_id),
            amount_minor=input.amount_minor,
            reason=one_line(input.reason, NAME_LENGTH),
            idempotency_key=input.idempotency_key,
        )
        outcome = await refund_payment(_ports(info), command)
        if isinstance(outcome, Refund):
            return RefundPaymentPayload(
                refund_id=strawberry.ID(str(outcome.id)),
                status=outcome.status,
                errors=[],
                amount_minor=outcome.amount_minor,
            )
        error = user_error(info, *_CODE_OF_REFUND_REFUSAL[outcome])
        return RefundPaymentPayload(refund_id=None, status=None, errors=[error])


def _ports(info: Info) -> Ports:
    return cast("Ports", info.context.resources)


def _payload(info: Info, outcome: Created) -> PaymentPayload:
    payment = None if outcome.payment is None else payment_type(info, outcome.payment)
    if outcome.refusal is None:
        return PaymentPayload(payment=payment, errors=[])
    code, field = _CODE_OF_REFUSAL[outcome.refusal]
    failure: FailureCode | None = outcome.payment.failure_code if outcome.payment else None
    message = refusal_text(outcome.refusal, info.context.locale)
    if failure is not None:
        message = failure_text(failure, info.context.locale)
    return PaymentPayload(payment=payment, errors=[user_error(info, code, field, message)])


def _wrong_field(ports: Ports, given: CreatePaymentInput) -> str | None:
    """The first input field that cannot be; None: all can."""
    is_card = given.method is PaymentMethod.CARD
    checks = (
        ("reference", _REFERENCE.fullmatch(given.reference) is not None),
        ("amountMinor", 1 <= given.amount_minor <= MAX_AMOUNT_MINOR),
        ("card", is_card == (given.card is not None)),
        ("card.paymentMethodId", given.card is None or _CARD_TOKEN.fullmatch(given.card.payment_method_id) is not None),
        ("description", given.description is None or is_acceptable(given.description)),
        ("payerName", given.payer_name is None or is_acceptable(given.payer_name)),
        ("expiresAt", given.expires_at.tzinfo is not None),
        ("askedAt", given.asked_at is None or given.asked_at.tzinfo is not None),
        ("idempotencyKey", idempotency.key_is_valid(given.idempotency_key)),
    )
    for field, holds in checks:
        if not holds:
            return field
    return "expiresAt" if given.expires_at > ports.now() + LONGEST_LIFE else None


def _wrong_refund_field(given: RefundPaymentInput) -> str | None:
    if given.amount_minor is not None and not 1 <= given.amount_minor <= MAX_AMOUNT_MINOR:
        return "amountMinor"
    if not (is_acceptable(given.reason) and one_line(given.reason, NAME_LENGTH)):
        return "reason"
    return None if idempotency.key_is_valid(given.idempotency_key) else "idempotencyKey"


def _one_line(text: str | None, longest: int) -> str | None:
    return None if text is None else one_line(text, longest) or None


def _raw_id(given: str) -> UUID:
    """Raises ``BadInput``: internal callers pass raw UUIDs."""
    try:
        return UUID(given)
    except ValueError as exc:
        raise BadInput("An id is not a UUID.") from exc
