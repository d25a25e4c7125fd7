"""What the reconciliation asks of payments. Ids are raw UUIDs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

import strawberry

from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.errors import BadInput
from subgraphs.chassis.graphql.guards import internal_only
from subgraphs.chassis.graphql.pagination import MAX_PAGE, decode_cursor, encode_cursor, page_size
from subgraphs.payments.domain.refunds import RefundStatus
from subgraphs.payments.domain.states import PaymentStatus
from subgraphs.payments.errors import GatewayFault
from subgraphs.payments.ports import Ports
from subgraphs.payments.repositories import settlements
from subgraphs.payments.use_cases.push_refund import push_refund


@strawberry.federation.input(inaccessible=True)
class UnsettledPaymentsInput:
    """A page of what is left to look at; `graceSeconds`: only what has been so for longer."""

    reference_prefix: str
    first: int = 100
    grace_seconds: int = 30
    after: str | None = None


@strawberry.federation.type(inaccessible=True)
class PaymentFacts:
    payment_id: strawberry.ID
    reference: str
    payer_id: strawberry.ID
    status: PaymentStatus
    amount_minor: int
    kept_minor: int = strawberry.field(description="Captured, and neither given back nor on its way back.")
    is_open: bool = strawberry.field(description="Money may still move.")
    cursor: str

    @classmethod
    def of(cls, facts: settlements.PaymentFacts) -> PaymentFacts:
        return cls(
            payment_id=strawberry.ID(str(facts.id)),
            reference=facts.reference,
            payer_id=strawberry.ID(str(facts.payer_id)),
            status=facts.status,
            amount_minor=facts.amount_minor,
            kept_minor=facts.kept_minor,
            is_open=facts.is_open,
            cursor=encode_cursor(facts.at, facts.id),
        )


@strawberry.federation.input(inaccessible=True)
class AccountedPaymentInput:
    payment_id: strawberry.ID
    status: PaymentStatus


@strawberry.federation.type(inaccessible=True)
class UnfinishedRefund:
    refund_id: strawberry.ID
    payment_id: strawberry.ID
    cursor: str


@strawberry.federation.input(inaccessible=True)
class PushRefundInput:
    refund_id: strawberry.ID


@strawberry.federation.type(inaccessible=True)
class PushRefundPayload:
    status: RefundStatus | None = strawberry.field(description="Null: the external gateway could not be asked.")


@strawberry.type
class ReconciliationQuery:
    @strawberry.federation.field(
        inaccessible=True, description="Payments that hold money and that nobody has accounted for yet."
    )
    async def unaccounted_payments(self, info: Info, input: UnsettledPaymentsInput) -> list[PaymentFacts]:
        internal_only(info)
        size, grace, after = _page(input.first, input.grace_seconds, input.after)
        async with info.context.database.connect() as connection:
            found = await settlements.unaccounted(
                connection, input.reference_prefix, grace=grace, limit=size, after=after
            )
        return [PaymentFacts.of(facts) for facts in found]

    @strawberry.federation.field(inaccessible=True, description="Open payments whose end has passed.")
    async def overdue_payments(self, info: Info, input: UnsettledPaymentsInput) -> list[PaymentFacts]:
        internal_only(info)
        size, grace, after = _page(input.first, input.grace_seconds, input.after)
        async with info.context.database.connect() as connection:
            found = await settlements.overdue(connection, input.reference_prefix, grace=grace, limit=size, after=after)
        return [PaymentFacts.of(facts) for facts in found]

    @strawberry.federation.field(inaccessible=True, description="All payments of at most 100 references.")
    async def payment_facts(self, info: Info, references: list[str]) -> list[PaymentFacts]:
        internal_only(info)
        if len(references) > MAX_PAGE:
            raise BadInput(f"More than {MAX_PAGE} references.")
        async with info.context.database.connect() as connection:
            found = await settlements.of_references(connection, references)
        return [PaymentFacts.of(facts) for facts in found]

    @strawberry.federation.field(inaccessible=True, description="Refunds that have not succeeded yet.")
    async def unfinished_refunds(
        self, info: Info, first: int = 100, grace_seconds: int = 30, after: str | None = None
    ) -> list[UnfinishedRefund]:
        internal_only(info)
        size, grace, seen = _page(first, grace_seconds, after)
        async with info.context.database.connect() as connection:
            found = await settlements.unfinished_refunds(connection, grace=grace, limit=size, after=seen)
        return [
            UnfinishedRefund(
                refund_id=strawberry.ID(str(refund.id)),
                payment_id=strawberry.ID(str(refund.payment_id)),
                cursor=encode_cursor(refund.created_at, refund.id),
            )
            for refund in found
        ]


@strawberry.type
class ReconciliationMutation:
    @strawberry.federation.field(
        inaccessible=True, description="Their money is where it belongs while they keep this status; how many."
    )
    async def account_for_payments(self, info: Info, accounted: list[AccountedPaymentInput]) -> int:
        internal_only(info)
        if len(accounted) > MAX_PAGE:
            raise BadInput(f"More than {MAX_PAGE} payments.")
        found = [(_raw_id(one.payment_id), one.status) for one in accounted]
        async with info.context.database.transaction() as connection:
            return await settlements.account_for(connection, found)

    @strawberry.federation.field(inaccessible=True, description="Brings a refund one step on. Raises for unknown ones.")
    async def push_refund(self, info: Info, input: PushRefundInput) -> PushRefundPayload:
        internal_only(info)
        try:
            refund = await push_refund(cast("Ports", info.context.resources), _raw_id(input.refund_id))
        except LookupError as exc:
            raise BadInput("There is no such refund.") from exc
        except GatewayFault:
            return PushRefundPayload(status=None)
        return PushRefundPayload(status=refund.status)


def _page(first: int, grace_seconds: int, after: str | None) -> tuple[int, timedelta, settlements.Position | None]:
    if not 0 <= grace_seconds <= 86_400:
        raise BadInput("'graceSeconds' must be between 0 and 86400.")
    seen = decode_cursor(after, datetime, UUID)
    return page_size(first), timedelta(seconds=grace_seconds), (seen[0], seen[1]) if seen is not None else None


def _raw_id(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError as exc:
        raise BadInput("An id is not a UUID.") from exc
