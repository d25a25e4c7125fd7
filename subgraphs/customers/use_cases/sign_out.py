"""End the session a refresh token belongs to."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.customers.domain.session import EndReason
from subgraphs.customers.repositories import sessions
from subgraphs.customers.tokens import MAX_REFRESH_TOKEN_LENGTH, refresh_token_hash


async def sign_out(connection: AsyncConnection, token: str, now: datetime) -> None:
    """Whether the token was known is not told: to its holder, the outcome is the same."""
    if not 0 < len(token) <= MAX_REFRESH_TOKEN_LENGTH:
        return
    known = await sessions.lock_refresh_token(connection, refresh_token_hash(token))
    if known is not None:
        await sessions.end_session(connection, known.session_id, EndReason.SIGNED_OUT, now)
