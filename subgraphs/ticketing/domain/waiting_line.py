"""The line of one sector: who waits, by the queue's numbers, and how many of them are served before one."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final

MOST_KNOWN: Final = 100_000


class WaitingLine:
    """Numbers are the queue's own: they only grow within a line, and have gaps.

    It is read in pages, and whoever asks for a position is known from then on. ``served`` is the number that was
    decided last; everything up to it has left the line.
    """

    def __init__(self) -> None:
        self.served = 0
        self._numbers: list[int] = []
        self._read_to_end = False

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def last(self) -> int:
        """The highest number that is known, or what was served last."""
        return self._numbers[-1] if self._numbers else self.served

    def serve(self, number: int) -> None:
        """``number`` has been decided, and with it everything before it."""
        self.served = number
        del self._numbers[: bisect_right(self._numbers, number)]

    def replace(self, after: int, page: Sequence[int], *, full: bool) -> None:
        """A page of those who wait behind ``after``, in order; one that is not ``full`` reaches to the line's end."""
        low = bisect_right(self._numbers, after)
        high = bisect_right(self._numbers, page[-1]) if full else len(self._numbers)
        self._numbers[low:high] = page
        self._read_to_end = self._read_to_end or not full

    def position(self, number: int) -> int | None:
        """How many are served until this one is, itself included.

        None when that is not known: the number has been served, or the line has not been read that far.
        """
        if number <= self.served or (not self._read_to_end and number > self.last):
            return None
        index = bisect_left(self._numbers, number)
        if index == len(self._numbers) or self._numbers[index] != number:
            if len(self._numbers) >= MOST_KNOWN:
                return None
            self._numbers.insert(index, number)
        return index + 1
