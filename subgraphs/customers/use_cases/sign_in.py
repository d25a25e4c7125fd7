"""Sign a customer in by e-mail address and password."""

from datetime import datetime

import structlog

from subgraphs.chassis.database import Database
from subgraphs.customers.domain import throttle
from subgraphs.customers.domain.contact import email_key, parse_email
from subgraphs.customers.domain.password import MAX_LENGTH
from subgraphs.customers.errors import Reason, Refused
from subgraphs.customers.passwords import Passwords, TooBusy
from subgraphs.customers.repositories import customers
from subgraphs.customers.use_cases.count_attempts import count_attempts, forgive_attempt
from subgraphs.customers.use_cases.start_session import SignedIn, start_session

log = structlog.get_logger(__name__)


async def sign_in(
    database: Database, passwords: Passwords, email: str, password: str, now: datetime, *, client: str | None = None
) -> SignedIn | Refused:
    """An unknown address and a wrong password answer alike, after the same work.

    The attempt is counted and committed before the password is looked at: parallel guesses cannot slip past the limit.
    ``client`` is the address that asks, where it is known.
    """
    address = parse_email(email)
    if address is None or len(password) > MAX_LENGTH:
        # Nobody can have registered with these, so there is nothing to hide.
        return Refused(Reason.INVALID_CREDENTIALS)
    try:
        with passwords.place(client):
            return await _sign_in(database, passwords, address, password, now, client)
    except TooBusy as busy:
        log.warning("sign_in_refused", reason="too busy")
        return Refused(Reason.TOO_MANY_ATTEMPTS, retry_after=busy.retry_after)


async def _sign_in(
    database: Database, passwords: Passwords, address: str, password: str, now: datetime, client: str | None
) -> SignedIn | Refused:
    subjects = [throttle.account(email_key(address)), *([throttle.client(client)] if client is not None else [])]
    async with database.transaction() as connection:
        refused = await count_attempts(connection, subjects, now)
    if refused is not None:
        return refused
    async with database.connect() as connection:
        found = await customers.find_credentials(connection, address)
    customer, stored = found if found is not None else (None, None)
    if not await passwords.verify(stored, password) or customer is None or stored is None:
        return Refused(Reason.INVALID_CREDENTIALS)
    renewed = await passwords.hash(password) if passwords.is_outdated(stored) else None
    async with database.transaction() as connection:
        await forgive_attempt(connection, subjects)
        if renewed is not None:
            await customers.set_password_hash(connection, customer.id, renewed)
        return await start_session(connection, customer, now)
