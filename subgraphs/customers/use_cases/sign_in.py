"""Sign a customer in by e-mail address and password."""

import hashlib
from datetime import datetime

import structlog

from subgraphs.chassis.database import Database
from subgraphs.customers.domain.contact import email_key, parse_email
from subgraphs.customers.domain.password import MAX_LENGTH
from subgraphs.customers.domain.throttle import is_throttled
from subgraphs.customers.errors import Reason, Refused
from subgraphs.customers.passwords import Passwords
from subgraphs.customers.repositories import customers, sessions
from subgraphs.customers.use_cases.start_session import SignedIn, start_session

log = structlog.get_logger(__name__)


async def sign_in(
    database: Database, passwords: Passwords, email: str, password: str, now: datetime
) -> SignedIn | Refused:
    """An unknown address and a wrong password answer alike, after the same work.

    The attempt is counted and committed before the password is looked at: parallel guesses cannot slip past the limit.
    """
    address = parse_email(email)
    if address is None or len(password) > MAX_LENGTH:
        # Nobody can have registered with these, so there is nothing to hide.
        return Refused(Reason.INVALID_CREDENTIALS)
    email_hash = hashlib.sha256(email_key(address).encode()).digest()
    async with database.transaction() as connection:
        await sessions.forget_old_attempts(connection, now)
        attempts = await sessions.count_attempt(connection, email_hash, now)
    if is_throttled(attempts):
        log.warning("sign_in_throttled", attempts=attempts)
        return Refused(Reason.TOO_MANY_ATTEMPTS)
    async with database.connect() as connection:
        found = await customers.find_credentials(connection, address)
    customer, stored = found if found is not None else (None, None)
    if not await passwords.verify(stored, password) or customer is None or stored is None:
        return Refused(Reason.INVALID_CREDENTIALS)
    renewed = await passwords.hash(password) if passwords.is_outdated(stored) else None
    async with database.transaction() as connection:
        await sessions.forget_attempts(connection, email_hash)
        if renewed is not None:
            await customers.set_password_hash(connection, customer.id, renewed)
        return await start_session(connection, customer, now)
