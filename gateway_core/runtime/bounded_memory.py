"""A cache with a bounded number of entries."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BoundedMemory(OrderedDict[K, V]):
    """The most recently added values. The oldest is evicted first. Reading does not reorder and costs what a dict costs."""

    def __init__(self, entries: int) -> None:
        """Creates an empty cache of at most `entries` values."""
        super().__init__()
        self._entries = entries

    def remember(self, key: K, value: V) -> None:
        """Adds or replaces a value, which becomes the newest."""
        self[key] = value
        self.move_to_end(key)
        if len(self) > self._entries:
            self.popitem(last=False)
