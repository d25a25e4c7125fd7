"""How often a password may be guessed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

WINDOW: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Subject:
    """What attempts are laid to: an account, or the client that tries. ``hash`` is all that is kept of it.

    A success proves that the account's failures were its owner's; of a ``shared`` one it says nothing about the rest.
    """

    hash: bytes
    limit: int
    shared: bool


@dataclass(frozen=True, slots=True)
class Attempts:
    """How many there were in the present window, the one that is judged included."""

    count: int
    window_started_at: datetime


def account(email_key: str) -> Subject:
    """Five failures. Unknown addresses are counted alike, or the answer would tell them apart."""
    return Subject(hashlib.sha256(email_key.encode()).digest(), limit=5, shared=False)


def client(address: str) -> Subject:
    """A hundred failures, since many people may share a client's address (carriers, universities, companies).

    The prefix keeps it apart from accounts: no e-mail address begins with a zero octet.
    """
    return Subject(hashlib.sha256(b"\0client " + address.encode()).digest(), limit=100, shared=True)


def retry_after(subject: Subject, attempts: Attempts, now: datetime) -> timedelta | None:
    """When the next attempt is looked at again; None when this one is.

    After ``limit`` failures within 15 minutes every further attempt is refused unseen. The window begins with the
    first failure, so whoever is locked out by somebody else's guesses is let in again after at most 15 minutes.
    """
    if attempts.count <= subject.limit:
        return None
    return max(attempts.window_started_at + WINDOW - now, timedelta(seconds=1))
