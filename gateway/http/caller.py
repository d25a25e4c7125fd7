"""Who asks: what the door needs to know of it."""

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """`identity` is opaque and None for nobody in particular; `expires_at` is in seconds of Unix time."""

    identity: Hashable = None
    expires_at: float | None = None


class NotAuthenticated(Exception):
    """The credentials do not count. The text is for the client; `status` is the HTTP status (401 or 503)."""

    def __init__(self, message: str, *, status: int = 401) -> None:
        super().__init__(message)
        self.status = status


# From the value of an Authorization header, or None without one. Raises NotAuthenticated.
Authenticate = Callable[[str | None], Awaitable[Caller]]
