"""`python -m benchmarks.neighbors.unrelated`: sorts numbers half of the time, as ordered by `benchmarks.neighbors.process`."""

import random
import select
import sys
import time
from typing import Final

_NUMBERS: Final = 50_000
"""A list that does not fit a core's own cache."""
_BUSY_SHARE: Final = 0.5


def _serve() -> None:
    chance = random.Random(1)  # noqa: S311 - no secret
    numbers = [chance.random() for _ in range(_NUMBERS)]
    is_going, before_us = False, 0.0
    while True:
        busy_s = _work(numbers, chance) if is_going else 0.0
        pause_s = busy_s * (1 - _BUSY_SHARE) / _BUSY_SHARE if is_going else None
        if select.select([sys.stdin], [], [], pause_s)[0]:
            order = sys.stdin.readline().strip()
            if not order:
                return
            is_going = order == "go"
            before_us = _cpu_us() if is_going else before_us
            sys.stdout.write(f"{_cpu_us() - before_us}\n")
            sys.stdout.flush()


def _work(numbers: list[float], chance: random.Random) -> float:
    began_s = time.monotonic()
    chance.shuffle(numbers)
    numbers.sort()
    return time.monotonic() - began_s


def _cpu_us() -> float:
    return time.process_time() * 1e6


if __name__ == "__main__":
    _serve()
