"""Signing up, in and out; preferences and consent."""

from datetime import UTC, date, datetime
from typing import Final

import strawberry

from subgraphs.chassis.graphql.context import Info
from subgraphs.chassis.graphql.locale import Locale
from subgraphs.chassis.graphql.types import ErrorCode, UserError, too_many_attempts, user_error
from subgraphs.customers.domain.customer import Purpose
from subgraphs.customers.errors import Refused
from subgraphs.customers.resources import resources_of
from subgraphs.customers.tokens import ACCESS_LIFE
from subgraphs.customers.types import ConsentPurpose, Customer, PreferredLocale, forget_consents
from subgraphs.customers.use_cases import record_consent as consents
from subgraphs.customers.use_cases import sign_out as signing_out
from subgraphs.customers.use_cases import update_preferences as preferences
from subgraphs.customers.use_cases.refresh_session import refresh_session
from subgraphs.customers.use_cases.sign_in import sign_in as sign_customer_in
from subgraphs.customers.use_cases.sign_up import SignUp
from subgraphs.customers.use_cases.sign_up import sign_up as sign_customer_up
from subgraphs.customers.use_cases.start_session import SignedIn

# Whoever shows a refresh token gave neither e-mail nor password: the code's own text would speak of these. Unknown,
# used and expired tokens are answered alike.
_SESSION_OVER: Final = {
    Locale.PT_BR: "Esta sessão terminou. Entre novamente.",
    Locale.EN: "This session has ended. Sign in again.",
}


@strawberry.input
class SignUpInput:
    name: str
    email: str
    password: str
    birth_date: date
    cpf: str
    phone: str | None = None
    locale: PreferredLocale = PreferredLocale.PT_BR


@strawberry.input
class SignInInput:
    email: str
    password: str


@strawberry.input
class RefreshTokenInput:
    refresh_token: str


@strawberry.input
class SignOutInput:
    refresh_token: str


@strawberry.input(description="What is left out stays as it is.")
class UpdatePreferencesInput:
    locale: PreferredLocale | None = None
    email_enabled: bool | None = None
    sms_enabled: bool | None = None


@strawberry.input
class RecordConsentInput:
    purpose: ConsentPurpose
    granted: bool


@strawberry.type
class AuthPayload:
    access_token: str | None = strawberry.field(default=None, description="For `Authorization: Bearer …`.")
    refresh_token: str | None = strawberry.field(default=None, description="Works once, for `refreshToken`.")
    expires_in: int | None = strawberry.field(default=None, description="Seconds the access token lives.")
    customer: Customer | None = None
    errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.type
class SignOutPayload:
    errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.type
class CustomerPayload:
    customer: Customer | None = None
    errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.type
class Mutation:
    @strawberry.mutation(description="Registers a customer and signs them in.")
    async def sign_up(self, info: Info, input: SignUpInput) -> AuthPayload:
        wanted = SignUp(
            name=input.name,
            email=input.email,
            password=input.password,
            birth_date=input.birth_date,
            cpf=input.cpf,
            phone=input.phone,
            locale=input.locale.value,
        )
        own = resources_of(info)
        outcome = await sign_customer_up(
            info.context.database, own.passwords, own.cpfs, wanted, _now(), client=info.context.client_address
        )
        return _signed_in(info, outcome) if isinstance(outcome, SignedIn) else _refused(info, outcome)

    @strawberry.mutation
    async def sign_in(self, info: Info, input: SignInInput) -> AuthPayload:
        passwords = resources_of(info).passwords
        outcome = await sign_customer_in(
            info.context.database, passwords, input.email, input.password, _now(), client=info.context.client_address
        )
        return _signed_in(info, outcome) if isinstance(outcome, SignedIn) else _refused(info, [outcome])

    @strawberry.mutation(description="New tokens for a refresh token; one that is used twice ends the session.")
    async def refresh_token(self, info: Info, input: RefreshTokenInput) -> AuthPayload:
        async with info.context.database.transaction() as connection:
            outcome = await refresh_session(connection, input.refresh_token, _now())
        if isinstance(outcome, SignedIn):
            return _signed_in(info, outcome)
        over = _SESSION_OVER[info.context.locale]
        return AuthPayload(errors=[user_error(info, ErrorCode(outcome.reason.value), message=over)])

    @strawberry.mutation(description="Ends the session of a refresh token; access tokens run out by themselves.")
    async def sign_out(self, info: Info, input: SignOutInput) -> SignOutPayload:
        async with info.context.database.transaction() as connection:
            await signing_out.sign_out(connection, input.refresh_token, _now())
        return SignOutPayload()

    @strawberry.mutation
    async def update_preferences(self, info: Info, input: UpdatePreferencesInput) -> CustomerPayload:
        customer_id = info.context.customer_id
        if customer_id is None:
            return _not_signed_in(info)
        async with info.context.database.transaction() as connection:
            outcome = await preferences.update_preferences(
                connection,
                customer_id,
                locale=input.locale.value if input.locale is not None else None,
                email_enabled=input.email_enabled,
                sms_enabled=input.sms_enabled,
            )
        if isinstance(outcome, Refused):
            return CustomerPayload(errors=[_error(info, outcome)])
        return CustomerPayload(customer=Customer.of(outcome)) if outcome is not None else _not_signed_in(info)

    @strawberry.mutation
    async def record_consent(self, info: Info, input: RecordConsentInput) -> CustomerPayload:
        customer_id = info.context.customer_id
        if customer_id is None:
            return _not_signed_in(info)
        async with info.context.database.transaction() as connection:
            purpose = Purpose(input.purpose.value)
            outcome = await consents.record_consent(connection, customer_id, purpose, input.granted, _now())
        forget_consents(info, customer_id)
        return CustomerPayload(customer=Customer.of(outcome)) if outcome is not None else _not_signed_in(info)


def _now() -> datetime:
    return datetime.now(UTC)


def _signed_in(info: Info, outcome: SignedIn) -> AuthPayload:
    customer = outcome.customer
    return AuthPayload(
        access_token=resources_of(info).access_tokens.sign(customer.id, customer.scopes, _now()),
        refresh_token=outcome.refresh_token,
        expires_in=int(ACCESS_LIFE.total_seconds()),
        customer=Customer.of(customer),
    )


def _refused(info: Info, problems: list[Refused]) -> AuthPayload:
    return AuthPayload(errors=[_error(info, one) for one in problems])


def _error(info: Info, refused: Refused) -> UserError:
    if refused.retry_after is not None:
        return too_many_attempts(info, refused.retry_after)
    return user_error(info, ErrorCode(refused.reason.value), refused.field)


def _not_signed_in(info: Info) -> CustomerPayload:
    return CustomerPayload(errors=[user_error(info, ErrorCode.UNAUTHENTICATED)])
