"""Prints how much of each resource a number of Envoys and calls use.

`python -m benchmarks.capacity --envoys 100 --calls-per-second 20000`
"""

import argparse
import sys

from benchmarks.capacity.model import Plan, table


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.capacity", description="How far a number of Envoys reaches."
    )
    parser.add_argument("--envoys", type=int, required=True)
    parser.add_argument("--calls-per-second", type=float, required=True, help="of all Envoys together")
    parser.add_argument("--largest-share", type=float, default=Plan.largest_share, help="of the largest organization")
    parser.add_argument("--postgres-cores", type=int, default=Plan.postgres_cores)
    parser.add_argument("--postgres-connections", type=int, default=Plan.postgres_connections)
    parser.add_argument("--redis-nodes", type=int, default=Plan.redis_nodes)
    asked = parser.parse_args()
    if (
        min(asked.envoys, asked.calls_per_second, asked.postgres_cores, asked.postgres_connections, asked.redis_nodes)
        <= 0
    ):
        parser.error("all numbers must be greater than 0")
    if not 0 < asked.largest_share <= 1:
        parser.error("--largest-share must be between 0 and 1")
    sys.stdout.write(table(Plan(**vars(asked))) + "\n")


if __name__ == "__main__":
    main()
