"""A mapping with a bounded number of values."""

from gateway_core.runtime.bounded_memory import BoundedMemory


def test_the_oldest_value_is_evicted() -> None:
    memory: BoundedMemory[str, int] = BoundedMemory(2)
    for key, value in (("a", 1), ("b", 2), ("c", 3)):
        memory.remember(key, value)
    assert dict(memory) == {"b": 2, "c": 3}


def test_storing_a_value_again_makes_it_the_newest() -> None:
    memory: BoundedMemory[str, int] = BoundedMemory(2)
    for key, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        memory.remember(key, value)
    assert dict(memory) == {"a": 3, "c": 4}


def test_reading_does_not_change_the_order() -> None:
    memory: BoundedMemory[str, int] = BoundedMemory(2)
    memory.remember("a", 1)
    memory.remember("b", 2)
    assert memory.get("a") == 1
    memory.remember("c", 3)
    assert "a" not in memory
