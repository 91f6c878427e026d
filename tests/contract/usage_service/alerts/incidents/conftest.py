"""Mia's budget of ten calls, of which alerts go to PagerDuty."""

from collections.abc import Sequence

import asyncpg
import pytest

from tests.contract.usage_service.alerts.alert_cases import calls
from tests.contract.usage_service.alerts.conftest import follower, pool
from usage_service.alerts.follower import AlertFollower
from usage_service.alerts.held.follower import HeldFollower

__all__ = ["follower", "pool"]


class Pager:
    """What PagerDuty gets, and what keeps its incidents right."""

    def __init__(self, owner: asyncpg.Connection, follower: AlertFollower, held: HeldFollower) -> None:
        self.owner = owner
        self.follower = follower
        self.held = held

    async def step(self, *, look: bool = False) -> None:
        """Decides and releases once. With `look`, also about what follows from the passing of time."""
        if look:
            await self.owner.execute("UPDATE alert_positions SET next_look_time = '-infinity'")
        await self.follower.follow_once()
        await self.held.release_once()

    async def call(self, count: int) -> None:
        """Makes calls, and decides."""
        await calls(self.owner, count)
        await self.step()

    async def say(self, **settings: object) -> None:
        """Changes the rule."""
        for column, value in settings.items():
            await self.owner.execute(f"UPDATE notification_rules SET {column} = $1, update_time = now()", value)  # noqa: S608

    async def got(self, channel: str = "pager") -> Sequence[str]:
        """Returns what was sent to a channel, in its order."""
        rows = await self.owner.fetch(
            "SELECT e.event_type, split_part(e.threshold, ' ', 1) AS threshold FROM notification_deliveries d"
            " JOIN alert_events e USING (organization_id, event_id) WHERE d.channel_id = $1 ORDER BY d.create_time",
            channel,
        )
        return [f"{row['event_type']} {row['threshold']}" for row in rows]

    async def open(self) -> int:
        """Returns how many incidents are open."""
        return int(await self.owner.fetchval("SELECT count(*) FROM open_incidents"))


@pytest.fixture
async def pager(owner: asyncpg.Connection, follower: AlertFollower, pool: asyncpg.Pool) -> Pager:
    """The rule has the thresholds 80, 90 and 100 percent, and goes to PagerDuty."""
    await owner.execute(
        "INSERT INTO notification_channels (organization_id, channel_id, kind, display_name, target_hint, sealed_target) VALUES"
        " ('acme', 'pager', 'PAGERDUTY', 'On call', 'events.pagerduty.com', ''),"
        " ('acme', 'chat', 'SLACK', 'Chat', 'hooks.slack.com', '')"
    )
    await owner.execute("DELETE FROM notification_rules WHERE rule_id <> 'budgets'")
    made = Pager(owner, follower, HeldFollower(pool))
    await made.say(recipients='[{"kind": "CHANNEL", "id": "pager"}]')
    await made.step()
    return made
