"""The vectors of embeddings."""

import math
from functools import lru_cache


@lru_cache(maxsize=64)
def vector_of(dimensions: int, seed: int) -> tuple[float, ...]:
    """Returns a unit vector, the same for the same arguments."""
    raw = [math.sin(seed + 1 + index * 0.7) for index in range(dimensions)]
    length = math.sqrt(sum(value * value for value in raw))
    return tuple(value / length for value in raw)
