"""Begin a session for a customer who has just proved who they are."""

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.customers.domain.customer import Customer
from subgraphs.customers.repositories import sessions
from subgraphs.customers.tokens import new_refresh_token, refresh_token_hash


@dataclass(frozen=True, slots=True)
class SignedIn:
    customer: Customer
    refresh_token: str

    def __repr__(self) -> str:
        return f"SignedIn({self.customer.id})"


async def start_session(connection: AsyncConnection, customer: Customer, now: datetime) -> SignedIn:
    """A new family of refresh tokens with its first one."""
    session_id, token = uuid4(), new_refresh_token()
    await sessions.open_session(connection, session_id, customer.id, now)
    await sessions.add_refresh_token(connection, session_id, refresh_token_hash(token), now)
    return SignedIn(customer, token)
