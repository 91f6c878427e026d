"""Which node of a Redis Cluster serves which slot, as a node reports it."""

from collections.abc import Sequence
from typing import Any, Final, Self

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from gateway_core.runtime.database_urls.redis import Address
from gateway_core.stores.redis.wire import Argument

SLOTS: Final = REDIS_CLUSTER_HASH_SLOTS
_FIRST_KEY: Final = {"EVAL": 3, "EVALSHA": 3}
"""The position of the first key by command; 1 for other commands."""


class Topology:
    """A view of the cluster. It may be outdated; a node that no longer serves a slot then redirects to the one that does."""

    def __init__(self, masters: frozenset[Address] = frozenset(), replicas: frozenset[Address] = frozenset()) -> None:
        """Creates a topology without any known slot.

        Args:
            masters: nodes that serve slots.
            replicas: nodes that may take over.
        """
        self.masters = masters
        self.replicas = replicas
        self.known_slots = 0
        self._owners: list[Address | None] = [None] * SLOTS

    @classmethod
    def read(cls, answer: Sequence[Any], asked: Address) -> Self:
        """Parses an answer to CLUSTER SLOTS.

        Args:
            answer: the answer.
            asked: the node that gave it. It replaces the host of a node that is listed without one.

        Raises:
            ValueError, TypeError, IndexError: the answer is malformed.
        """
        ranges = [(int(first), int(last), [_node(node, asked) for node in nodes]) for first, last, *nodes in answer]
        topology = cls(
            frozenset(nodes[0] for _, _, nodes in ranges),
            frozenset(node for _, _, nodes in ranges for node in nodes[1:]),
        )
        for first, last, nodes in ranges:
            if not 0 <= first <= last < SLOTS:
                raise ValueError("the slot numbers are invalid")
            topology._owners[first : last + 1] = [nodes[0]] * (last + 1 - first)
        topology.known_slots = SLOTS - topology._owners.count(None)
        return topology

    @property
    def is_complete(self) -> bool:
        """Whether every slot is served."""
        return self.known_slots == SLOTS

    def owner(self, slot: int) -> Address | None:
        """Returns the node that serves a slot; None if unknown."""
        return self._owners[slot]

    def move(self, slot: int, owner: Address) -> None:
        """Sets the new owner of one slot."""
        self._owners[slot] = owner


def slot_of(command: Sequence[Argument]) -> int:
    """Returns the slot of a command, by its first key. The server refuses a script whose other keys are in other slots.

    Raises:
        ValueError: the command has no key.
    """
    place = _FIRST_KEY.get(str(command[0]), 1)
    if len(command) <= place or (place > 1 and command[place - 1] == 0):
        raise ValueError("a command for a Redis Cluster must have a key")
    key = command[place]
    return key_slot(key if isinstance(key, bytes) else str(key).encode())


def _node(node: Sequence[Any], asked: Address) -> Address:
    host, port = node[0], int(node[1])
    return Address(str(host) if host else asked.host, port)
