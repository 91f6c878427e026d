"""A bounded number of remembered values."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BoundedMemory(OrderedDict[K, V]):
    """The values remembered last. What was remembered longest ago makes room; reading moves nothing and costs what a dict costs."""

    def __init__(self, entries: int) -> None:
        """An empty memory of at most `entries` values."""
        super().__init__()
        self._entries = entries

    def remember(self, key: K, value: V) -> None:
        """Adds or replaces a value; it is the newest then."""
        self[key] = value
        self.move_to_end(key)
        if len(self) > self._entries:
            self.popitem(last=False)
