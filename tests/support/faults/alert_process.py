"""`python -m tests.support.faults.alert_process URL`: decides about alerts and releases held ones, until it is killed."""

import asyncio
import sys

import asyncpg

from usage_service.alerts.account_refusals import AccountRefusals
from usage_service.alerts.follower import AlertFollower
from usage_service.alerts.held.follower import HeldFollower

PAUSE_S = 0.02


async def run(url: str) -> None:
    """Follows without a rest, so that it is killed at any moment of its work."""
    async with asyncpg.create_pool(url, min_size=1, max_size=2) as pool:
        while True:
            await AlertFollower(pool, AccountRefusals()).follow_once()
            await HeldFollower(pool).release_once()
            await asyncio.sleep(PAUSE_S)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
