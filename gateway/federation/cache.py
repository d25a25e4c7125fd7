"""A bounded store of compiled operations, made once however many ask at the same moment."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class BoundedCache(Generic[V]):
    """Least recently used entries go first when there are too many or they weigh too much (in bytes, estimated).

    Making a value takes no await, so on one event loop nothing is made twice.
    """

    def __init__(self, entries: int, size: int) -> None:
        self._entries = entries
        self._size = size
        self._held = 0
        self._values: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._values

    def find(self, key: Hashable) -> V | None:
        """The value for `key`, if it is there."""
        known = self._values.get(key)
        if known is None:
            return None
        self._values.move_to_end(key)
        return known[0]

    def drop(self, key: Hashable) -> None:
        """Forgets a value, if it is there."""
        known = self._values.pop(key, None)
        if known is not None:
            self._held -= known[1]

    def get(self, key: Hashable, make: Callable[[], tuple[V, int]]) -> V:
        """The value for `key`; `make` gives it with its weight when it is not there. What it raises is not kept."""
        known = self.find(key)
        if known is not None:
            return known
        value, weight = make()
        self.put(key, value, weight)
        return value

    def put(self, key: Hashable, value: V, weight: int) -> None:
        """Keeps a value, in place of the one that was there."""
        self.drop(key)
        self._values[key] = (value, weight)
        self._held += weight
        while self._values and (len(self._values) > self._entries or self._held > self._size):
            _, (_, gone) = self._values.popitem(last=False)
            self._held -= gone
