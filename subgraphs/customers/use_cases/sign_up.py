"""Register a customer and sign them in."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID, uuid4

import structlog

from subgraphs.chassis import outbox
from subgraphs.chassis.database import Database
from subgraphs.customers.cpf_vault import CpfVault
from subgraphs.customers.domain import throttle
from subgraphs.customers.domain.customer import Customer, Preferences, check_registration
from subgraphs.customers.errors import Reason, Refused
from subgraphs.customers.events import contact_event
from subgraphs.customers.passwords import Passwords, TooBusy
from subgraphs.customers.repositories import customers
from subgraphs.customers.use_cases.count_attempts import count_attempts, forgive_attempt
from subgraphs.customers.use_cases.start_session import SignedIn, start_session

log = structlog.get_logger(__name__)

_FIELD = {Reason.EMAIL_TAKEN: "email", Reason.CPF_TAKEN: "cpf"}


@dataclass(frozen=True, slots=True)
class SignUp:
    name: str
    email: str
    password: str
    birth_date: date
    cpf: str
    phone: str | None
    locale: str

    def __repr__(self) -> str:
        return "SignUp(…)"


async def sign_up(
    database: Database,
    passwords: Passwords,
    cpfs: CpfVault,
    wanted: SignUp,
    now: datetime,
    *,
    client: str | None = None,
    customer_id: UUID | None = None,
    scopes: frozenset[str] = frozenset({"customer"}),
) -> SignedIn | list[Refused]:
    """The signed-in customer, or everything that is wrong with the input. Hashing happens before the transaction.

    ``client`` is the address that asks, where it is known: attempts that are refused are counted against it, or
    addresses and CPFs could be tried for ever.
    """
    checked = check_registration(
        name=wanted.name,
        email=wanted.email,
        password=wanted.password,
        birth_date=wanted.birth_date,
        cpf=wanted.cpf,
        phone=wanted.phone,
        now=now,
    )
    if isinstance(checked, list):
        return checked
    customer = Customer(
        id=customer_id or uuid4(),
        name=checked.name,
        email=checked.email,
        sealed_cpf=cpfs.seal(checked.cpf),
        birth_date=checked.birth_date,
        phone=checked.phone,
        preferences=Preferences(locale=wanted.locale),
        scopes=scopes,
        created_at=now,
    )
    try:
        with passwords.place(client):
            return await _sign_up(database, passwords, customer, wanted.password, client)
    except TooBusy as busy:
        log.warning("sign_up_refused", reason="too busy")
        return [Refused(Reason.TOO_MANY_ATTEMPTS, retry_after=busy.retry_after)]


async def _sign_up(
    database: Database, passwords: Passwords, customer: Customer, password: str, client: str | None
) -> SignedIn | list[Refused]:
    now, subjects = customer.created_at, [throttle.client(client)] if client is not None else []
    if subjects:
        async with database.transaction() as connection:
            refused = await count_attempts(connection, subjects, now)
        if refused is not None:
            return [refused]
    password_hash = await passwords.hash(password)
    async with database.transaction() as connection:
        taken = await customers.add_customer(connection, customer, password_hash)
        if taken is not None:
            return [Refused(taken, _FIELD[taken])]
        await forgive_attempt(connection, subjects)
        await outbox.append(connection, contact_event("customer.registered", customer))
        return await start_session(connection, customer, now)
