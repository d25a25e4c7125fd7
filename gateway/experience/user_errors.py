"""Expected failures of mutations, as payloads carry them."""

from enum import Enum
from typing import Any

import strawberry

from gateway.experience.context import Context
from gateway.experience.messages import message


@strawberry.enum(description="What went wrong, for programs. `message` says it to people.")
class ErrorCode(Enum):
    INVALID_INPUT = "INVALID_INPUT"
    NOT_FOUND = "NOT_FOUND"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    SOLD_OUT = "SOLD_OUT"
    SEAT_UNAVAILABLE = "SEAT_UNAVAILABLE"
    TICKET_LIMIT_REACHED = "TICKET_LIMIT_REACHED"
    AGE_RESTRICTED = "AGE_RESTRICTED"
    SALES_CLOSED = "SALES_CLOSED"
    INVALID_STATE = "INVALID_STATE"
    EXPIRED = "EXPIRED"
    EMAIL_TAKEN = "EMAIL_TAKEN"
    CPF_TAKEN = "CPF_TAKEN"
    INVALID_CREDENTIALS = "INVALID_CREDENTIALS"
    WEAK_PASSWORD = "WEAK_PASSWORD"  # noqa: S105 - an error code
    TOO_MANY_ATTEMPTS = "TOO_MANY_ATTEMPTS"
    OUT_OF_STOCK = "OUT_OF_STOCK"
    PAYMENT_DECLINED = "PAYMENT_DECLINED"
    AMOUNT_MISMATCH = "AMOUNT_MISMATCH"
    AMOUNT_TOO_SMALL = "AMOUNT_TOO_SMALL"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"


@strawberry.interface(description="An expected failure of a mutation.")
class UserError:
    message: str
    code: ErrorCode
    field: str | None = None


@strawberry.federation.type(shareable=True, description="A failure without facts of its own.")
class InputError(UserError):
    pass


@strawberry.federation.type(shareable=True, description="This key was used before with another input.")
class IdempotencyKeyReused(UserError):
    pass


@strawberry.federation.type(shareable=True, description="Too little is left of these products; nothing was ordered.")
class OutOfStock(UserError):
    product_ids: list[strawberry.ID] = strawberry.field(default_factory=list)


@strawberry.federation.type(shareable=True, description="These products are not sold to somebody of this age.")
class ProductAgeRestricted(UserError):
    product_ids: list[strawberry.ID] = strawberry.field(default_factory=list)


ERROR_TYPES = (InputError, IdempotencyKeyReused, OutOfStock, ProductAgeRestricted)


def refusal(context: Context, code: ErrorCode, field: str | None = None) -> UserError:
    """An error that arises here. `field` is its path in the input."""
    kind = IdempotencyKeyReused if code is ErrorCode.IDEMPOTENCY_KEY_REUSED else InputError
    return kind(message=message(code.value, context.locale), code=code, field=field)


def passed_on(context: Context, error: dict[str, Any], fields: dict[str, str] | None = None) -> UserError:
    """A service's payload error. Its text is in the request's language already.

    `fields` maps the service's field names to ours, each with what is below it: with `items` as `concessions`,
    `items.0.productId` is the client's `concessions.0.productId`. Other names are not shown, being no part of the
    client's input.
    """
    try:
        code = ErrorCode(error.get("code"))
    except ValueError:
        return refusal(context, ErrorCode.SERVICE_UNAVAILABLE)
    text = str(error.get("message") or "")
    field = _own_name(str(error.get("field") or ""), fields or {})
    product_ids = error.get("productIds")
    if isinstance(product_ids, list) and code in (ErrorCode.OUT_OF_STOCK, ErrorCode.AGE_RESTRICTED):
        ids = [strawberry.ID(str(one)) for one in product_ids]
        factual = OutOfStock if code is ErrorCode.OUT_OF_STOCK else ProductAgeRestricted
        return factual(message=text, code=code, field=field, product_ids=ids)
    kind = IdempotencyKeyReused if code is ErrorCode.IDEMPOTENCY_KEY_REUSED else InputError
    return kind(message=text, code=code, field=field)


def _own_name(theirs: str, fields: dict[str, str]) -> str | None:
    head, rest = theirs, ""
    while head not in fields:
        head, dot, last = head.rpartition(".")
        if not dot:
            return None
        rest = f".{last}{rest}"
    return f"{fields[head]}{rest}"
