"""A round is about the organizations in which something happened, and leaves none out for good."""

import asyncpg
import pytest

from tests.contract.usage_service.alerts.alert_cases import calls, set_budget
from usage_service.alerts.follower import AlertFollower

LONG_AGO = """
UPDATE guardrails SET update_time = now() - interval '1 hour';
UPDATE notification_rules SET update_time = now() - interval '1 hour';
UPDATE alert_positions SET next_look_time = now() + interval '1 hour', changes_until = now();
"""


async def told(owner: asyncpg.Connection) -> list[str]:
    return [row["threshold"] for row in await owner.fetch("SELECT threshold FROM alert_events ORDER BY create_time")]


@pytest.fixture
async def quiet(owner: asyncpg.Connection, follower: AlertFollower) -> AlertFollower:
    """A follower of an organization in which nothing has happened lately."""
    await owner.execute(LONG_AGO)
    await follower.follow_lately()
    return follower


async def test_a_round_is_about_what_this_process_has_settled(owner: asyncpg.Connection, quiet: AlertFollower) -> None:
    await calls(owner, 8)
    await quiet.follow_lately()
    assert await told(owner) == []
    quiet.committed(["acme"])
    await quiet.follow_lately()
    assert await told(owner) == ["80%"]


async def test_what_another_process_settled_is_found_by_looking_at_all(
    owner: asyncpg.Connection, quiet: AlertFollower
) -> None:
    await calls(owner, 8)
    await quiet.follow_once()
    assert await told(owner) == ["80%"]


async def test_a_change_is_found_within_a_round(owner: asyncpg.Connection, quiet: AlertFollower) -> None:
    await calls(owner, 7)
    await quiet.follow_once()
    await owner.execute(LONG_AGO)
    await quiet.follow_lately()
    await set_budget(owner, 7)
    await owner.execute("UPDATE guardrails SET update_time = now()")
    await quiet.follow_lately()
    assert await told(owner) == ["100%"]


async def test_a_look_that_is_due_is_taken(owner: asyncpg.Connection, quiet: AlertFollower) -> None:
    await owner.execute("UPDATE alert_positions SET next_look_time = now()")
    await quiet.follow_lately()
    assert await owner.fetchval("SELECT next_look_time > now() FROM alert_positions")


async def test_what_was_settled_is_not_forgotten_when_a_round_fails(
    owner: asyncpg.Connection, quiet: AlertFollower
) -> None:
    """Seen to be forgotten until the next look at all organizations."""
    await calls(owner, 8)
    quiet.committed(["acme"])
    await owner.execute("ALTER TABLE alert_lags RENAME TO away")
    with pytest.raises(asyncpg.UndefinedTableError):
        await quiet.follow_lately()
    await owner.execute("ALTER TABLE away RENAME TO alert_lags")
    await quiet.follow_lately()
    assert await told(owner) == ["80%"]


async def test_an_organization_has_its_turn_again_after_a_failed_one(
    owner: asyncpg.Connection, quiet: AlertFollower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to be left out until the next look at all organizations."""
    await calls(owner, 8)
    quiet.committed(["acme"])

    async def fail(_self: AlertFollower, _organization: str) -> None:
        raise asyncpg.DeadlockDetectedError

    with monkeypatch.context() as patched:
        patched.setattr(AlertFollower, "step", fail)
        await quiet.follow_lately()
    await quiet.follow_lately()
    assert await told(owner) == ["80%"]


async def test_a_new_organization_is_followed_within_a_round(owner: asyncpg.Connection, quiet: AlertFollower) -> None:
    """Its first rules are new. What happens before it is followed would be history."""
    await owner.execute("INSERT INTO organizations (organization_id, display_name) VALUES ('newcomer', 'Newcomer')")
    await quiet.follow_lately()
    assert await owner.fetchval("SELECT true FROM alert_positions WHERE organization_id = 'newcomer'")
