"""Password hashes: argon2id (RFC 9106), off the event loop, a few at a time because each takes 64 MiB."""

import asyncio
import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

CONCURRENCY: Final = 4


class Passwords:
    """One for a process."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._slots = asyncio.Semaphore(CONCURRENCY)
        # Verified for addresses that nobody has, so that the answer takes as long as for one that somebody has.
        self._nobodys = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, _octets(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """False without a stored hash, after the same work."""
        async with self._slots:
            right = await asyncio.to_thread(self._matches, stored or self._nobodys, _octets(password))
        return right and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Made with weaker parameters than today's: hash the password anew when it is known, at sign-in."""
        return self._hasher.check_needs_rehash(stored)

    def _matches(self, stored: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (Argon2Error, InvalidHashError):
            return False


def _octets(password: str) -> bytes:
    """NFKC first, since keyboards differ in how they write an accent (NIST SP 800-63B, 5.1.1.2).

    JSON can carry half of a surrogate pair, which has no UTF-8: as part of a password it is as good as any other.
    """
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
