"""Which node of a Redis Cluster serves which slot, as a node tells it."""

from collections.abc import Sequence
from typing import Any, Final, Self

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from gateway_core.runtime.redis_urls import Address
from gateway_core.stores.redis.wire import Argument

SLOTS: Final = REDIS_CLUSTER_HASH_SLOTS
_FIRST_KEY: Final = {"EVAL": 3, "EVALSHA": 3}
"""Where a command has its first key; others have it behind their name."""


class Topology:
    """A view of the cluster. It may be old: whoever is asked in vain says so, and who serves the slot now."""

    def __init__(self, masters: frozenset[Address] = frozenset(), replicas: frozenset[Address] = frozenset()) -> None:
        """A cluster of which no slot is known.

        Args:
            masters: nodes that serve slots.
            replicas: nodes that may come to serve them.
        """
        self.masters = masters
        self.replicas = replicas
        self.known_slots = 0
        self._owners: list[Address | None] = [None] * SLOTS

    @classmethod
    def read(cls, answer: Sequence[Any], asked: Address) -> Self:
        """The topology of an answer to CLUSTER SLOTS.

        Args:
            answer: it.
            asked: who gave it: a node that names no host means that one.

        Raises:
            ValueError, TypeError, IndexError: it cannot be read.
        """
        ranges = [(int(first), int(last), [_node(node, asked) for node in nodes]) for first, last, *nodes in answer]
        topology = cls(
            frozenset(nodes[0] for _, _, nodes in ranges),
            frozenset(node for _, _, nodes in ranges for node in nodes[1:]),
        )
        for first, last, nodes in ranges:
            if not 0 <= first <= last < SLOTS:
                raise ValueError("there are no such slots")
            topology._owners[first : last + 1] = [nodes[0]] * (last + 1 - first)
        topology.known_slots = SLOTS - topology._owners.count(None)
        return topology

    @property
    def is_complete(self) -> bool:
        """Whether every slot is served."""
        return self.known_slots == SLOTS

    def owner(self, slot: int) -> Address | None:
        """Who serves a slot; None when nobody is known to."""
        return self._owners[slot]

    def move(self, slot: int, owner: Address) -> None:
        """Takes note of one slot's new owner."""
        self._owners[slot] = owner


def slot_of(command: Sequence[Argument]) -> int:
    """The slot of a command, by its first key. A script whose other keys are elsewhere is refused by the server.

    Raises:
        ValueError: it has no key.
    """
    place = _FIRST_KEY.get(str(command[0]), 1)
    if len(command) <= place or (place > 1 and command[place - 1] == 0):
        raise ValueError("a command for a Redis Cluster has a key")
    key = command[place]
    return key_slot(key if isinstance(key, bytes) else str(key).encode())


def _node(node: Sequence[Any], asked: Address) -> Address:
    host, port = node[0], int(node[1])
    return Address(str(host) if host else asked.host, port)
