"""How long the service keeps what has run out. Customers and their consents stay."""

from datetime import timedelta
from typing import Final

from subgraphs.chassis.retention import older_than
from subgraphs.customers.domain.session import REFRESH_LIFE
from subgraphs.customers.domain.throttle import WINDOW
from subgraphs.customers.tables import refresh_tokens, sessions, sign_in_attempts

RULES: Final = (
    # A token that has run out is refused like one that never was, used or not.
    older_than(refresh_tokens, refresh_tokens.c.expires_at, timedelta(0)),
    # By then the last of its tokens has gone, and no delete takes thousands along.
    older_than(sessions, sessions.c.expires_at, REFRESH_LIFE),
    older_than(sign_in_attempts, sign_in_attempts.c.window_started_at, WINDOW),
)
