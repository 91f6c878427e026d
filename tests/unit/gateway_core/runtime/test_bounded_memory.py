"""A bounded number of remembered values."""

from gateway_core.runtime.bounded_memory import BoundedMemory


def test_the_value_remembered_longest_ago_makes_room() -> None:
    memory: BoundedMemory[str, int] = BoundedMemory(2)
    for key, value in (("a", 1), ("b", 2), ("c", 3)):
        memory.remember(key, value)
    assert dict(memory) == {"b": 2, "c": 3}


def test_a_value_remembered_again_is_the_newest() -> None:
    memory: BoundedMemory[str, int] = BoundedMemory(2)
    for key, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        memory.remember(key, value)
    assert dict(memory) == {"a": 3, "c": 4}


def test_reading_moves_nothing() -> None:
    memory: BoundedMemory[str, int] = BoundedMemory(2)
    memory.remember("a", 1)
    memory.remember("b", 2)
    assert memory.get("a") == 1
    memory.remember("c", 3)
    assert "a" not in memory
