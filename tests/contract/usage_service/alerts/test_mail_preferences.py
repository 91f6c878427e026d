"""Members get no e-mail about what they have switched off, but about what is always sent."""

import asyncpg
import pytest

from tests.contract.usage_service.alerts.alert_cases import calls, set_budget
from usage_service.alerts.follower import AlertFollower
from usage_service.alerts.held.follower import HeldFollower
from usage_service.alerts.notices.disabled_channels import disabled_channels

CREATED = (
    "INSERT INTO audit_log (organization_id, user_id, member_id, role, method, resource_name, after) VALUES"
    " ('acme', 'u-sue', 'sue', 'SUPER_ADMIN', 'a.B/C', 'organizations/acme/apiKeys/key-1', '{\"state\": \"STATE_ACTIVE\"}')"
)


@pytest.fixture
async def mia(owner: asyncpg.Connection, follower: AlertFollower) -> None:
    """Lets a rule report Mia's budget and keys to her. She has an address, and the deployment has a mail server."""
    await owner.execute("UPDATE deployment_settings SET sends_mail = true")
    await owner.execute("UPDATE users SET email = 'mia@acme.example' WHERE user_id = 'u-mia'")
    await owner.execute("DELETE FROM notification_rules WHERE rule_id <> 'budgets'")
    await owner.execute(
        'UPDATE notification_rules SET recipients = \'[{"kind": "MEMBER", "id": "mia"}]\', update_time = now(),'
        " event_types = '{budget.threshold_reached,budget.recovered,key.created}'"
    )
    await follower.follow_once()


async def prefer(owner: asyncpg.Connection, *types: str, off: bool = False) -> None:
    await owner.execute(
        "INSERT INTO mail_preferences (organization_id, member_id, is_off, event_types_off) VALUES ('acme', 'mia', $1, $2)",
        off, list(types),
    )  # fmt: skip


async def mailed(owner: asyncpg.Connection) -> list[str]:
    rows = await owner.fetch(
        "SELECT e.event_type FROM notification_deliveries d JOIN alert_events e USING (organization_id, event_id)"
        " WHERE d.channel_id = 'mail-mia' ORDER BY d.create_time"
    )
    return [row["event_type"] for row in rows]


async def inbox(owner: asyncpg.Connection) -> int:
    return int(await owner.fetchval("SELECT count(*) FROM inbox_entries WHERE member_id = 'mia'"))


async def reach_and_recover(owner: asyncpg.Connection, follower: AlertFollower) -> None:
    await calls(owner, 10)
    await follower.follow_once()
    await set_budget(owner, 100)
    await follower.follow_once()


async def test_without_a_preference_everything_is_mailed(
    owner: asyncpg.Connection, follower: AlertFollower, mia: None
) -> None:
    await reach_and_recover(owner, follower)
    assert (await mailed(owner), await inbox(owner)) == (["budget.threshold_reached", "budget.recovered"], 2)


async def test_a_type_that_is_off_is_in_the_inbox_only(
    owner: asyncpg.Connection, follower: AlertFollower, mia: None
) -> None:
    await prefer(owner, "budget.recovered")
    await reach_and_recover(owner, follower)
    assert (await mailed(owner), await inbox(owner)) == (["budget.threshold_reached"], 2)


async def test_what_concerns_security_is_mailed_even_if_everything_is_off(
    owner: asyncpg.Connection, follower: AlertFollower, mia: None
) -> None:
    await prefer(owner, off=True)
    await reach_and_recover(owner, follower)
    await owner.execute(CREATED)
    await follower.follow_once()
    assert (await mailed(owner), await inbox(owner)) == (["key.created"], 3)


async def test_a_member_hears_by_mail_of_a_personal_channel_that_is_off(
    owner: asyncpg.Connection, follower: AlertFollower, mia: None, pool: asyncpg.Pool
) -> None:
    await prefer(owner, off=True)
    await owner.execute(
        "INSERT INTO notification_channels (organization_id, channel_id, kind, display_name, target_hint, sealed_target, member_id,"
        " state, disable_time) VALUES ('acme', 'own', 'SLACK', 'Own', 'hooks.slack.com', '', 'mia', 'DISABLED', now())"
    )
    await disabled_channels(pool).report_once()
    assert await mailed(owner) == ["channel.disabled"]


async def test_what_waits_for_a_digest_is_not_mailed_once_it_is_off(
    owner: asyncpg.Connection, follower: AlertFollower, mia: None, pool: asyncpg.Pool
) -> None:
    """Seen to be mailed the next morning without `DROP_UNWANTED`."""
    await owner.execute("UPDATE notification_rules SET frequency = 'DAILY', update_time = now()")
    await calls(owner, 10)
    await follower.follow_once()
    await prefer(owner, "budget.threshold_reached")
    await owner.execute("UPDATE held_alerts SET send_time = now()")
    await HeldFollower(pool).release_once()
    assert await mailed(owner) == []
    assert await owner.fetchval("SELECT count(*) FROM held_alerts WHERE release_time IS NULL") == 0
