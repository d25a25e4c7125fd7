"""GraphQL types that several services share: the same in each of them, hence ``@shareable``."""

from __future__ import annotations

import math
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

import strawberry

from subgraphs.chassis.graphql.locale import Locale
from subgraphs.chassis.graphql.messages import MESSAGES

if TYPE_CHECKING:
    from subgraphs.chassis.graphql.context import Context


@strawberry.interface(description="Whatever has an id of its own.")
class Node:
    id: strawberry.ID


@strawberry.enum
class Currency(Enum):
    BRL = "BRL"


@strawberry.federation.type(shareable=True, description="An amount in minor units (centavos), never a float.")
class Money:
    amount_minor: int
    currency: Currency = Currency.BRL

    @strawberry.field(description="For people, in the language of the request.")
    def formatted(self, info: strawberry.Info[Context, None]) -> str:
        return format_money(self.amount_minor, info.context.locale)


def format_money(amount_minor: int, locale: Locale) -> str:
    """BRL as CLDR writes it: ``R$ 1.234,56`` (no-break space) in pt-BR, ``R$1,234.56`` in en."""
    sign = "-" if amount_minor < 0 else ""
    reais, centavos = divmod(abs(amount_minor), 100)
    if locale is Locale.EN:
        return f"{sign}R${reais:,}.{centavos:02}"
    return f"{sign}R$\N{NO-BREAK SPACE}{reais:,}".replace(",", ".") + f",{centavos:02}"


@strawberry.federation.type(shareable=True)
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None = None
    end_cursor: str | None = None


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


@strawberry.federation.type(shareable=True, description="Refused unseen until `retryAfterMs` have passed.")
class TooManyAttempts(UserError):
    retry_after_ms: int


def too_many_attempts(info: strawberry.Info[Context, None], retry_after: timedelta) -> TooManyAttempts:
    """The refusal, in the request's language."""
    code = ErrorCode.TOO_MANY_ATTEMPTS
    milliseconds = math.ceil(retry_after / timedelta(milliseconds=1))
    return TooManyAttempts(
        message=error_message(code, info.context.locale), code=code, field=None, retry_after_ms=milliseconds
    )


def user_error(
    info: strawberry.Info[Context, None], code: ErrorCode, field: str | None = None, message: str | None = None
) -> UserError:
    """A localised error of a payload. ``field`` is the path in the input, such as ``"card.paymentMethodId"``.

    ``message`` replaces the code's own text and must already be in the request's language.
    """
    type_ = IdempotencyKeyReused if code is ErrorCode.IDEMPOTENCY_KEY_REUSED else InputError
    return type_(message=message or error_message(code, info.context.locale), code=code, field=field)


def error_message(code: ErrorCode, locale: Locale) -> str:
    """The text of a code, for errors that carry facts of their own."""
    return MESSAGES[code.value][locale]
