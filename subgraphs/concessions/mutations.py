"""The internal mutations: the edge opens the transaction, the use case does the work, the answer is put into words."""

from datetime import UTC, date, datetime
from uuid import UUID

import strawberry

from subgraphs.chassis.graphql import global_id
from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.errors import BadInput
from subgraphs.chassis.graphql.guards import GATEWAY, WORKERS, internal_only
from subgraphs.chassis.graphql.locale import Locale
from subgraphs.chassis.graphql.types import Currency, ErrorCode, UserError, error_message, user_error
from subgraphs.chassis.idempotency import KeyReused, key_is_valid
from subgraphs.concessions.domain.catalogue import Product, day_in_brasilia
from subgraphs.concessions.domain.order import Order, RequestedItem, UnacceptableItems
from subgraphs.concessions.internal_types import (
    CancelConcessionOrderInput,
    ConfirmConcessionOrderInput,
    ConfirmConcessionOrderPayload,
    ConfirmedConcessionItem,
    EndConcessionOrderPayload,
    ExpireConcessionOrderInput,
    PlaceConcessionOrderInput,
    PlaceConcessionOrderPayload,
    PlacedConcessionOrder,
)
from subgraphs.concessions.reconciliation import ReconciliationMutation
from subgraphs.concessions.repositories.products import find_products
from subgraphs.concessions.types import OutOfStock, ProductAgeRestricted
from subgraphs.concessions.use_cases import end_order
from subgraphs.concessions.use_cases.confirm_order import confirm_order
from subgraphs.concessions.use_cases.place_order import (
    AlreadyPaid,
    Ended,
    NotYours,
    Placed,
    PlaceOrder,
    ProductsNotSold,
    Refusal,
    TooYoung,
    place_order,
)
from subgraphs.concessions.use_cases.place_order import OutOfStock as StockShort


@strawberry.type
class Mutation(ReconciliationMutation):
    @strawberry.federation.field(inaccessible=True)
    async def place_concession_order(self, info: Info, input: PlaceConcessionOrderInput) -> PlaceConcessionOrderPayload:
        internal_only(info, GATEWAY)
        customer_id = info.context.customer_id
        if customer_id is None:
            return PlaceConcessionOrderPayload(order=None, errors=[user_error(info, ErrorCode.UNAUTHENTICATED)])
        if not key_is_valid(input.idempotency_key):
            error = user_error(info, ErrorCode.INVALID_INPUT, "idempotencyKey")
            return PlaceConcessionOrderPayload(order=None, errors=[error])
        if input.held_until is not None and input.held_until.tzinfo is None:
            raise BadInput("'heldUntil' needs a time zone.")
        wanted = PlaceOrder(
            customer_id=customer_id,
            reservation_id=_raw_id(input.reservation_id),
            venue_id=_raw_id(input.venue_id),
            items=tuple(RequestedItem(_raw_id(item.product_id), item.quantity) for item in input.items),
            idempotency_key=input.idempotency_key,
            birth_date=input.birth_date,
            held_until=input.held_until,
        )
        async with info.context.database.transaction() as connection:
            outcome = await place_order(connection, wanted, today=input.session_day or _today(), now=datetime.now(UTC))
        if isinstance(outcome, Placed):
            return PlaceConcessionOrderPayload(order=_placed(outcome.order), errors=[])
        return PlaceConcessionOrderPayload(order=None, errors=[_refusal(info, outcome)])

    @strawberry.federation.field(inaccessible=True)
    async def confirm_concession_order(
        self, info: Info, input: ConfirmConcessionOrderInput
    ) -> ConfirmConcessionOrderPayload:
        internal_only(info, WORKERS)
        async with info.context.database.transaction() as connection:
            outcome = await confirm_order(
                connection,
                reservation_id=_raw_id(input.reservation_id),
                customer_id=_raw_id(input.customer_id),
                payment_id=None if input.payment_id is None else _raw_id(input.payment_id),
                paid_minor=input.paid_minor,
                today=_today(),
            )
            named = await find_products(connection, [item.product_id for item in outcome.items])
        return ConfirmConcessionOrderPayload(
            status=outcome.status,
            pickup_code=outcome.order.pickup_code if outcome.order is not None else None,
            total_minor=outcome.order.total_minor if outcome.order is not None else 0,
            items=[
                ConfirmedConcessionItem(
                    name=named[item.product_id].name.in_locale(info.context.locale), quantity=item.quantity
                )
                for item in outcome.items
            ],
        )

    @strawberry.federation.field(inaccessible=True)
    async def expire_concession_order(self, info: Info, input: ExpireConcessionOrderInput) -> EndConcessionOrderPayload:
        internal_only(info, WORKERS)
        async with info.context.database.transaction() as connection:
            order = await end_order.expire_order(
                connection, reservation_id=_raw_id(input.reservation_id), customer_id=_raw_id(input.customer_id)
            )
        return _ended(order)

    @strawberry.federation.field(inaccessible=True)
    async def cancel_concession_order(self, info: Info, input: CancelConcessionOrderInput) -> EndConcessionOrderPayload:
        internal_only(info, WORKERS)
        async with info.context.database.transaction() as connection:
            order = await end_order.cancel_order(
                connection, reservation_id=_raw_id(input.reservation_id), customer_id=_raw_id(input.customer_id)
            )
        return _ended(order)


def _raw_id(value: strawberry.ID) -> UUID:
    try:
        return UUID(value)
    except ValueError as error:
        raise BadInput("An id of an internal operation is not a UUID.") from error


def _today() -> date:
    return day_in_brasilia(datetime.now(UTC))


def _placed(order: Order | None) -> PlacedConcessionOrder | None:
    if order is None:
        return None
    return PlacedConcessionOrder(
        id=strawberry.ID(str(order.id)),
        total_minor=order.total_minor,
        currency=Currency(order.currency),
        status=order.status,
    )


def _ended(order: Order | None) -> EndConcessionOrderPayload:
    if order is None:
        return EndConcessionOrderPayload(status="NONE", total_minor=0)
    return EndConcessionOrderPayload(status=order.status.value, total_minor=order.total_minor)


def _refusal(info: Info, refusal: Refusal | KeyReused) -> UserError:
    locale = info.context.locale
    match refusal:
        case KeyReused():
            return user_error(info, ErrorCode.IDEMPOTENCY_KEY_REUSED, "idempotencyKey")
        case UnacceptableItems(field=field):
            return user_error(info, ErrorCode.INVALID_INPUT, field)
        case ProductsNotSold(field=field):
            return user_error(info, ErrorCode.NOT_FOUND, field)
        case NotYours():
            return user_error(info, ErrorCode.NOT_FOUND, "reservationId")
        case Ended():
            return user_error(info, ErrorCode.EXPIRED, "reservationId")
        case AlreadyPaid():
            return user_error(info, ErrorCode.INVALID_STATE, "reservationId")
        case StockShort(products=products):
            return OutOfStock(
                message=f"{error_message(ErrorCode.OUT_OF_STOCK, locale)} {_names(products, locale)}",
                code=ErrorCode.OUT_OF_STOCK,
                field="items",
                product_ids=[global_id.encode("Product", product.id) for product in products],
            )
        case TooYoung(products=products):
            return ProductAgeRestricted(
                message=f"{_not_for_minors(locale)} {_names(products, locale)}",
                code=ErrorCode.AGE_RESTRICTED,
                field="items",
                product_ids=[global_id.encode("Product", product.id) for product in products],
            )


def _names(products: tuple[Product, ...], locale: Locale) -> str:
    return ", ".join(product.name.in_locale(locale) for product in products) + "."


def _not_for_minors(locale: Locale) -> str:
    return "Not sold at this age:" if locale is Locale.EN else "Não vendemos nesta idade:"
