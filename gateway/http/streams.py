"""How many event streams and sockets are open."""

from collections.abc import Iterator
from contextlib import contextmanager


class Streams:
    def __init__(self, most: int) -> None:
        self._most = most
        self._open = 0

    @contextmanager
    def one(self) -> Iterator[bool]:
        """Counts one more while the block lasts; False when there is no room for it."""
        if self._open >= self._most:
            yield False
            return
        self._open += 1
        try:
            yield True
        finally:
            self._open -= 1
