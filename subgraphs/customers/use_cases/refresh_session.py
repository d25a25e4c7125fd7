"""Exchange a refresh token for the next one."""

from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.customers.domain.session import EndReason, Verdict, judge
from subgraphs.customers.errors import Reason, Refused
from subgraphs.customers.repositories import customers, sessions
from subgraphs.customers.tokens import MAX_REFRESH_TOKEN_LENGTH, new_refresh_token, refresh_token_hash
from subgraphs.customers.use_cases.start_session import SignedIn

log = structlog.get_logger(__name__)


async def refresh_session(connection: AsyncConnection, token: str, now: datetime) -> SignedIn | Refused:
    """A token works once. One that is shown again ends its session: commit the transaction also when refused."""
    if not 0 < len(token) <= MAX_REFRESH_TOKEN_LENGTH:
        return Refused(Reason.INVALID_CREDENTIALS)
    token_hash = refresh_token_hash(token)
    known = await sessions.lock_refresh_token(connection, token_hash)
    if known is None:
        return Refused(Reason.INVALID_CREDENTIALS)
    verdict = judge(known, now)
    if verdict is Verdict.REUSED:
        await sessions.end_session(connection, known.session_id, EndReason.TOKEN_REUSED, now)
        log.warning("refresh_token_reused", customer_id=str(known.customer_id), session_id=str(known.session_id))
    customer = await customers.find_customer(connection, known.customer_id) if verdict is Verdict.ROTATE else None
    if customer is None:
        return Refused(Reason.INVALID_CREDENTIALS)
    following = new_refresh_token()
    await sessions.use_refresh_token(connection, token_hash, now)
    await sessions.add_refresh_token(connection, known.session_id, refresh_token_hash(following), now)
    return SignedIn(customer, following)
