"""The public GraphQL types. A payment is found by its payer only."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry

from subgraphs.chassis.graphql import global_id
from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.types import Money, Node
from subgraphs.chassis.qr_codes import qr_svg
from subgraphs.payments.domain import payment as domain
from subgraphs.payments.domain.payment import FailureCode, PaymentMethod
from subgraphs.payments.domain.states import PaymentStatus
from subgraphs.payments.repositories import payments
from subgraphs.payments.texts import failure_text

strawberry.enum(PaymentStatus, description="CREATED until the external gateway has taken the payment up.")
strawberry.enum(PaymentMethod)
strawberry.enum(FailureCode, name="PaymentFailureCode")


@strawberry.type(description="What a payer needs to pay by Pix.")
class PixCharge:
    br_code: str = strawberry.field(description='The text to paste in a bank\'s app ("Pix copia e cola").')
    expires_at: datetime

    @strawberry.field(description="The same as a QR code, an SVG image.")
    async def qr_code_svg(self) -> str:
        return await qr_svg(self.br_code)


@strawberry.type
class CardCharge:
    brand: str | None = strawberry.field(description="Such as `visa`; known once the card was charged.")
    last4: str | None


@strawberry.type
class PaymentFailure:
    code: FailureCode
    message: str


@strawberry.federation.type(keys=["id"])
class Payment(Node):
    id: strawberry.ID
    status: PaymentStatus
    method: PaymentMethod
    amount: Money
    refunded: Money
    pix: PixCharge | None
    card: CardCharge | None
    failure: PaymentFailure | None
    expires_at: datetime
    created_at: datetime

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> Payment | None:
        return await load_payment(info, id)


def payment_type(info: Info, payment: domain.Payment) -> Payment:
    failure = None
    if payment.failure_code is not None:
        text = failure_text(payment.failure_code, info.context.locale)
        failure = PaymentFailure(code=payment.failure_code, message=text)
    is_card = payment.method is PaymentMethod.CARD
    return Payment(
        id=global_id.encode("Payment", payment.id),
        status=payment.status,
        method=payment.method,
        amount=Money(amount_minor=payment.amount_minor),
        refunded=Money(amount_minor=payment.refunded_minor),
        pix=PixCharge(br_code=payment.br_code, expires_at=payment.expires_at) if payment.br_code else None,
        card=CardCharge(brand=payment.card_brand, last4=payment.card_last4) if is_card else None,
        failure=failure,
        expires_at=payment.expires_at,
        created_at=payment.created_at,
    )


async def load_payment(info: Info, payment_id: str) -> Payment | None:
    """The signed-in payer's payment; None for a foreign, missing or malformed id alike."""
    raw, payer_id = global_id.decode("Payment", payment_id), info.context.customer_id
    if raw is None or payer_id is None:
        return None
    database = info.context.database

    async def load(ids: list[UUID]) -> list[domain.Payment | None]:
        async with database.connect() as connection:
            found = await payments.list_of_payer(connection, payer_id, ids)
        return [found.get(one) for one in ids]

    found = await info.context.loader("payments", load).load(raw)
    return None if found is None else payment_type(info, found)
