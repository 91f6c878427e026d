"""Alerts wait for the end of quiet hours or for a digest, and are sent then: each once, and none is lost."""

import asyncio
import datetime as dt
import json
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from gateway_core.stores.postgres.organization_wall import acting_for
from tests.contract.usage_service.alerts.alert_cases import CALL, calls
from usage_service.alerts.follower import AlertFollower
from usage_service.alerts.held.follower import HeldFollower
from usage_service.alerts.held.store import HeldAlerts
from usage_service.rollups.follower import RollupFollower, caught_up


def quiet_now(*, alerts_pass: bool = False) -> str:
    """Returns quiet hours from an hour ago until in an hour."""
    now = dt.datetime.now(dt.UTC)
    minute = now.hour * 60 + now.minute
    hours = {"start": (minute - 60) % 1_440, "end": (minute + 60) % 1_440, "days": list(range(7))}
    return json.dumps({**hours, "zone": "UTC", "alerts_pass": alerts_pass})


@pytest.fixture
async def held(owner: asyncpg.Connection, follower: AlertFollower, pool: asyncpg.Pool) -> HeldFollower:
    """Mia's budget of ten calls is reported to the channel `ops`."""
    await owner.execute(
        "INSERT INTO notification_channels (organization_id, channel_id, kind, display_name, target_hint, sealed_target)"
        " VALUES ('acme', 'ops', 'CALLBACK', 'Ops', 'example.org', ''), ('acme', 'chat', 'SLACK', 'Chat', 'example.org', '')"
    )
    await say(owner, recipients='[{"kind": "CHANNEL", "id": "ops"}, {"kind": "MEMBER", "id": "sue"}]')
    return HeldFollower(pool)


async def say(owner: asyncpg.Connection, **settings: object) -> None:
    """Changes the rule."""
    for column, value in settings.items():
        await owner.execute(f"UPDATE notification_rules SET {column} = $1, update_time = now()", value)  # noqa: S608


async def alert(owner: asyncpg.Connection, follower: AlertFollower, count: int) -> None:
    await calls(owner, count)
    await follower.follow_once()


async def until_due(owner: asyncpg.Connection) -> None:
    """Lets time pass until everything that is held is due."""
    await owner.execute("UPDATE held_alerts SET send_time = now() WHERE release_time IS NULL")


async def sent(owner: asyncpg.Connection) -> Sequence[str]:
    rows = await owner.fetch(
        "SELECT e.event_type, e.threshold, e.data FROM notification_deliveries d"
        " JOIN alert_events e USING (organization_id, event_id)"
        " ORDER BY d.create_time, d.delivery_id"
    )
    return [
        f"digest of {json.loads(row['data'])['digest']['count']}" if row["event_type"] == "digest" else row["threshold"]
        for row in rows
    ]


async def inbox(owner: asyncpg.Connection) -> int:
    return int(await owner.fetchval("SELECT count(*) FROM inbox_entries"))


async def waiting(owner: asyncpg.Connection) -> int:
    return int(await owner.fetchval("SELECT count(*) FROM held_alerts WHERE release_time IS NULL"))


async def test_deliveries_wait_for_the_end_of_quiet_hours_and_the_inbox_does_not(
    owner: asyncpg.Connection, follower: AlertFollower, held: HeldFollower
) -> None:
    await say(owner, quiet_hours=quiet_now())
    await alert(owner, follower, 8)
    await held.release_once()
    assert (await sent(owner), await inbox(owner), await waiting(owner)) == ([], 1, 1)
    assert await owner.fetchval("SELECT send_time BETWEEN now() + '58 minutes' AND now() + '1 hour' FROM held_alerts")
    await say(owner, quiet_hours=None)
    await held.release_once()
    assert (await sent(owner), await inbox(owner), await waiting(owner)) == (["80%"], 1, 0)


async def test_what_waited_for_the_end_of_quiet_hours_is_sent_in_its_order(
    owner: asyncpg.Connection, follower: AlertFollower, held: HeldFollower
) -> None:
    await say(owner, quiet_hours=quiet_now())
    for count in (8, 1, 1):
        await alert(owner, follower, count)
    await say(owner, quiet_hours=None)
    await held.release_once()
    assert await sent(owner) == ["80%", "90%", "100%"]


async def test_urgent_alerts_pass_quiet_hours_if_the_rule_says_so(
    owner: asyncpg.Connection, follower: AlertFollower, held: HeldFollower
) -> None:
    await say(owner, quiet_hours=quiet_now(alerts_pass=True))
    for count in (9, 1):
        await alert(owner, follower, count)
    assert (await sent(owner), await waiting(owner)) == (["100%"], 1)


async def test_a_digest_is_one_delivery_for_what_has_collected(
    owner: asyncpg.Connection, follower: AlertFollower, held: HeldFollower
) -> None:
    await say(owner, frequency="DAILY")
    for count in (8, 1, 1):
        await alert(owner, follower, count)
    await held.release_once()
    assert (await sent(owner), await inbox(owner), await waiting(owner)) == ([], 3, 3)
    await until_due(owner)
    for _ in range(3):
        await held.release_once()
    assert (await sent(owner), await inbox(owner), await waiting(owner)) == (["digest of 3"], 3, 0)
    row = await owner.fetchrow("SELECT severity, data FROM alert_events WHERE event_type = 'digest'")
    assert row is not None
    data = json.loads(row["data"])
    assert row["severity"] == "ALERT"
    assert [one["severity"] for one in data["digest"]["alerts"]] == ["ALERT", "WARNING", "WARNING"]
    assert data["digest"]["countBySeverity"] == {"ALERT": 1, "WARNING": 2, "INFO": 0}


async def test_each_channel_gets_a_digest_of_its_own(
    owner: asyncpg.Connection, follower: AlertFollower, held: HeldFollower
) -> None:
    recipients = '[{"kind": "CHANNEL", "id": "ops"}, {"kind": "CHANNEL", "id": "chat"}]'
    await say(owner, frequency="WEEKLY", recipients=recipients)
    for count in (8, 1):
        await alert(owner, follower, count)
    await until_due(owner)
    await held.release_once()
    assert await sent(owner) == ["digest of 2", "digest of 2"]


async def test_what_has_collected_is_sent_when_the_rule_sends_at_once(
    owner: asyncpg.Connection, follower: AlertFollower, held: HeldFollower
) -> None:
    await say(owner, frequency="DAILY")
    for count in (8, 1):
        await alert(owner, follower, count)
    await say(owner, frequency="AT_ONCE")
    await held.release_once()
    await alert(owner, follower, 1)
    assert (await sent(owner), await waiting(owner)) == (["digest of 2", "100%"], 0)


@pytest.mark.parametrize(
    "ending",
    ["DELETE FROM notification_rules", "UPDATE notification_rules SET state = 'DISABLED', update_time = now()"],
)
async def test_what_has_collected_is_sent_when_the_rule_is_deleted_or_switched_off(
    owner: asyncpg.Connection, follower: AlertFollower, held: HeldFollower, ending: str
) -> None:
    await say(owner, frequency="DAILY")
    for count in (8, 1):
        await alert(owner, follower, count)
    await owner.execute(ending)
    await held.release_once()
    assert (await sent(owner), await waiting(owner)) == (["digest of 2"], 0)


async def test_a_digest_that_becomes_weekly_waits_for_monday(
    owner: asyncpg.Connection, follower: AlertFollower, held: HeldFollower
) -> None:
    await say(owner, frequency="DAILY")
    await alert(owner, follower, 8)
    await say(owner, frequency="WEEKLY")
    await held.release_once()
    row = await owner.fetchrow("SELECT frequency, extract(isodow FROM send_time) AS day FROM held_alerts")
    assert row is not None
    assert (row["frequency"], row["day"], await sent(owner)) == ("WEEKLY", 1, [])


async def test_a_deleted_channel_gets_nothing_and_holds_nothing(
    owner: asyncpg.Connection, follower: AlertFollower, held: HeldFollower
) -> None:
    await say(owner, frequency="DAILY")
    await alert(owner, follower, 8)
    await owner.execute("DELETE FROM notification_channels")
    await until_due(owner)
    await held.release_once()
    assert (await sent(owner), await waiting(owner)) == ([], 0)


async def test_what_another_process_is_sending_is_not_sent_again(
    owner: asyncpg.Connection, follower: AlertFollower, held: HeldFollower, pool: asyncpg.Pool
) -> None:
    """Seen to send two alerts twice without the lock on what is held."""
    await say(owner, frequency="DAILY")
    for count in (8, 1):
        await alert(owner, follower, count)
    await until_due(owner)
    async with acting_for(pool, "acme") as connection:
        await HeldAlerts(connection, "acme", ZoneInfo("UTC"), dt.datetime.now(dt.UTC)).release()
        await alert(owner, follower, 1)
        await owner.execute("UPDATE held_alerts SET send_time = now() WHERE send_time > now()")
        other = asyncio.create_task(held.release_once())
        await asyncio.sleep(0.3)
    await other
    await held.release_once()
    assert (await sent(owner), await waiting(owner)) == (["digest of 2", "digest of 1"], 0)


async def digest_data(owner: asyncpg.Connection) -> dict[str, Any]:
    return dict(json.loads(await owner.fetchval("SELECT data FROM alert_events WHERE event_type = 'digest'")))


async def test_a_digest_names_who_spent_the_most(
    owner: asyncpg.Connection, follower: AlertFollower, held: HeldFollower, pool: asyncpg.Pool
) -> None:
    await say(owner, frequency="DAILY")
    await alert(owner, follower, 8)
    await caught_up(RollupFollower(pool))
    await until_due(owner)
    await held.release_once()
    (first,) = (await digest_data(owner))["topContributors"]["contributors"]
    assert first == {
        "name": "organizations/acme/members/mia",
        "displayName": "Mia",
        "spentNanoCredits": str(8 * CALL),
    }
