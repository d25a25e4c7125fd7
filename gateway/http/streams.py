"""How many event streams and sockets are open, and whose they are.

Signed-in callers, nobody in particular, and sockets that have not said yet who they are have places apart: however many
of the last two there are, a buyer can follow a reservation.
"""

from collections import Counter
from collections.abc import Hashable
from typing import Literal

from gateway.http.address import place_of
from gateway.http.limits import DoorLimits

Kind = Literal["arriving", "anonymous", "signed in"]


class Streams:
    def __init__(self, limits: DoorLimits) -> None:
        self._most: dict[Kind, int] = {
            "arriving": limits.arriving_streams,
            "anonymous": limits.anonymous_streams,
            "signed in": limits.streams,
        }
        # Several buyers may have one address, and then they are told apart by who they are.
        self._most_of_one: dict[Kind, int] = {
            "arriving": limits.streams_per_address,
            "anonymous": limits.streams_per_address,
            "signed in": limits.streams_per_caller,
        }
        self._open: Counter[Kind] = Counter()
        self._of: Counter[tuple[Kind, Hashable]] = Counter()

    def open(self, address: str | None, identity: Hashable) -> "Place | None":
        """A place for a stream of a caller; None when there is none."""
        return self._take("anonymous" if identity is None else "signed in", address, identity)

    def arrive(self, address: str | None) -> "Place | None":
        """A place for a socket that says later who it is."""
        return self._take("arriving", address, None)

    def _take(self, kind: Kind, address: str | None, identity: Hashable) -> "Place | None":
        whose = (kind, place_of(address) if identity is None else identity)
        if self._open[kind] >= self._most[kind] or self._of[whose] >= self._most_of_one[kind]:
            return None
        self._open[kind] += 1
        self._of[whose] += 1
        return Place(self, address, whose)

    def give(self, whose: tuple[Kind, Hashable]) -> None:
        self._open[whose[0]] -= 1
        self._of[whose] -= 1
        if not self._of[whose]:
            del self._of[whose]


class Place:
    """One stream's place, until it is closed."""

    def __init__(self, streams: Streams, address: str | None, whose: tuple[Kind, Hashable]) -> None:
        self._streams = streams
        self._address = address
        self._whose: tuple[Kind, Hashable] | None = whose

    def identify(self, identity: Hashable) -> bool:
        """Changes it for one of this caller's; False, and none at all, when there is none."""
        self.close()
        found = self._streams.open(self._address, identity)
        self._whose = found._whose if found is not None else None
        return found is not None

    def close(self) -> None:
        if self._whose is not None:
            self._streams.give(self._whose)
            self._whose = None
