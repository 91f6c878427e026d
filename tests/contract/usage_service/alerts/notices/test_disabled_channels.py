"""Super Admins are told once when a channel was switched off because it failed."""

import json

import asyncpg
import pytest

from usage_service.alerts.follower import AlertFollower
from usage_service.alerts.notices.disabled_channels import disabled_channels
from usage_service.alerts.notices.watching import Watch


@pytest.fixture
async def watch(owner: asyncpg.Connection, follower: AlertFollower, pool: asyncpg.Pool) -> Watch:
    """Mia, and Sue, who is Super Admin, have personal channels, and there is one for rules."""
    await owner.execute(
        "INSERT INTO notification_channels (organization_id, channel_id, kind, display_name, target_hint, sealed_target, member_id)"
        " VALUES ('acme', 'ops', 'SLACK', 'Ops', 'chat.example.org', '', NULL),"
        " ('acme', 'of-sue', 'SLACK', 'Mine', 'x', '', 'sue'), ('acme', 'of-mia', 'SLACK', 'Mine', 'x', '', 'mia')"
    )
    return disabled_channels(pool)


async def disable(owner: asyncpg.Connection, channel: str) -> None:
    await owner.execute(
        "UPDATE notification_channels SET state = 'DISABLED', disable_reason = 'gone', disable_time = clock_timestamp()"
        " WHERE channel_id = $1",
        channel,
    )


async def inboxes(owner: asyncpg.Connection) -> list[str]:
    return [row[0] for row in await owner.fetch("SELECT member_id FROM inbox_entries ORDER BY create_time")]


async def test_the_super_admins_are_told_once(owner: asyncpg.Connection, watch: Watch) -> None:
    await watch.report_once()
    assert await inboxes(owner) == []
    await disable(owner, "ops")
    for _ in range(3):
        await watch.report_once()
    assert await inboxes(owner) == ["sue"]
    assert [row[0] for row in await owner.fetch("SELECT channel_id FROM notification_deliveries")] == ["of-sue"]
    data = json.loads(await owner.fetchval("SELECT data FROM alert_events"))
    assert data["channel"] == {"kind": "SLACK", "targetHost": "chat.example.org", "reason": "gone"}


async def test_a_channel_that_is_disabled_again_is_reported_again(owner: asyncpg.Connection, watch: Watch) -> None:
    for _ in range(2):
        await disable(owner, "ops")
        await watch.report_once()
    assert await inboxes(owner) == ["sue", "sue"]


async def test_a_channel_that_an_admin_switched_off_is_not_reported(owner: asyncpg.Connection, watch: Watch) -> None:
    await owner.execute("UPDATE notification_channels SET state = 'DISABLED'")
    await watch.report_once()
    assert await inboxes(owner) == []


async def test_the_owner_of_a_personal_channel_is_told(owner: asyncpg.Connection, watch: Watch) -> None:
    await disable(owner, "of-mia")
    await watch.report_once()
    assert await inboxes(owner) == ["mia"]
