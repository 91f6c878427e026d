"""The creator of a schedule gets one notice when an export of it has ended."""

import asyncio
import json
from typing import TypedDict

import asyncpg
import pytest

from gateway_core.model.alerts.wording import sentence_of
from usage_service.alerts.follower import AlertFollower
from usage_service.alerts.notices.ended_exports import ended_exports
from usage_service.alerts.notices.watching import Watch

Connection = asyncpg.Connection


@pytest.fixture
async def watch(owner: Connection, follower: AlertFollower, pool: asyncpg.Pool) -> Watch:
    """Mia and Sue have personal channels, and Mia has a schedule."""
    await owner.execute(
        "INSERT INTO notification_channels (organization_id, channel_id, kind, display_name, target_hint, sealed_target, member_id)"
        " VALUES ('acme', 'of-sue', 'SLACK', 'Mine', 'x', '', 'sue'), ('acme', 'of-mia', 'SLACK', 'Mine', 'x', '', 'mia')"
    )
    await owner.execute(
        "INSERT INTO export_schedules (organization_id, schedule_id, requester, user_id, role, display_name, request, period,"
        " cadence, weekday, day_of_month, hour, due_after, next_run_time, time_zone)"
        " VALUES ('acme', 'weekly', 'users/mia', 'mia', 'MEMBER', 'Costs', '', 'DAILY', 'DAILY', 0, 0, 6, now(), now(), 'UTC')"
    )
    return ended_exports(pool)


class Differing(TypedDict, total=False):
    """What an export may have that others have not."""

    state: str
    schedule: str
    requester: str
    ended_h: int


async def add_export(
    owner: Connection,
    export: str,
    state: str = "SUCCEEDED",
    *,
    schedule: str = "weekly",
    requester: str = "users/mia",
    ended_h: int = 0,
) -> None:
    await owner.execute(
        "INSERT INTO usage_exports (organization_id, export_id, requester, member_id, role, group_path, request, schedule_id,"
        " state, end_time, error_message, expire_time) VALUES ('acme', $1, $2, 'mia', 'MEMBER', '{}', '', $3, $4,"
        " CASE WHEN $4 = 'RUNNING' THEN NULL ELSE now() - make_interval(hours => $5) END,"
        " CASE WHEN $4 = 'FAILED' THEN 'It took too long.' ELSE '' END, now() + interval '1 day')",
        export, requester, schedule, state, ended_h,
    )  # fmt: skip


async def notices(owner: Connection) -> list[tuple[str, str]]:
    rows = await owner.fetch(
        "SELECT i.member_id, e.event_type, e.data FROM inbox_entries i JOIN alert_events e USING (organization_id, event_id)"
        " ORDER BY e.event_type"
    )
    return [(row["member_id"], sentence_of(row["event_type"], json.loads(row["data"]))) for row in rows]


async def channels(owner: Connection) -> list[str]:
    return [row[0] for row in await owner.fetch("SELECT channel_id FROM notification_deliveries ORDER BY 1")]


async def test_only_the_creator_is_told_once(owner: Connection, watch: Watch) -> None:
    await add_export(owner, "one")
    for _ in range(3):
        await watch.report_once()
    assert await notices(owner) == [("mia", "The export Costs is ready")]
    assert await channels(owner) == ["of-mia"]
    data = json.loads(await owner.fetchval("SELECT data FROM alert_events"))
    assert data["export"] == "organizations/acme/usageExports/one"


async def test_processes_that_look_at_the_same_time_tell_once(
    owner: Connection, watch: Watch, pool: asyncpg.Pool
) -> None:
    for number in range(5):
        await add_export(owner, f"export-{number}")
    await asyncio.gather(*(ended_exports(pool).report_once() for _ in range(4)), watch.report_once())
    assert len(await notices(owner)) == 5
    assert len(await channels(owner)) == 5


async def test_a_failure_says_why(owner: Connection, watch: Watch) -> None:
    await add_export(owner, "one", "FAILED")
    await watch.report_once()
    assert await notices(owner) == [("mia", "The export Costs failed: It took too long.")]


async def test_an_export_is_reported_when_it_ends(owner: Connection, watch: Watch) -> None:
    await add_export(owner, "one", "RUNNING")
    await watch.report_once()
    assert await notices(owner) == []
    await owner.execute("UPDATE usage_exports SET state = 'SUCCEEDED', end_time = now()")
    await watch.report_once()
    assert len(await notices(owner)) == 1


@pytest.mark.parametrize(
    "other", [{"schedule": ""}, {"requester": "credentials/robot"}, {"state": "CANCELED"}, {"ended_h": 25}]
)
async def test_no_one_is_told_of_others(owner: Connection, watch: Watch, other: Differing) -> None:
    await add_export(owner, "one", **other)
    await watch.report_once()
    assert await owner.fetchval("SELECT count(*) FROM alert_events") == 0


async def test_a_creator_who_has_left_gets_nothing(owner: Connection, watch: Watch) -> None:
    await add_export(owner, "one")
    await owner.execute("UPDATE members SET state = 'REMOVED' WHERE member_id = 'mia'")
    await watch.report_once()
    assert (await notices(owner), await channels(owner)) == ([], [])


async def test_the_notice_names_a_schedule_that_was_deleted(owner: Connection, watch: Watch) -> None:
    await add_export(owner, "one")
    await owner.execute("DELETE FROM export_schedules")
    await watch.report_once()
    assert await notices(owner) == [("mia", "The export weekly is ready")]


async def test_a_creator_may_not_want_them_by_mail(owner: Connection, watch: Watch) -> None:
    await owner.execute("UPDATE deployment_settings SET sends_mail = true")
    await owner.execute("UPDATE users SET email = 'mia@acme.example' WHERE user_id = 'u-mia'")
    await owner.execute(
        "INSERT INTO mail_preferences (organization_id, member_id, is_off, event_types_off)"
        " VALUES ('acme', 'mia', false, '{export.ready}')"
    )
    await add_export(owner, "one")
    await add_export(owner, "two", "FAILED")
    await watch.report_once()
    mailed = await owner.fetch(
        "SELECT e.event_type FROM notification_deliveries d JOIN alert_events e USING (organization_id, event_id)"
        " WHERE d.channel_id = 'mail-mia'"
    )
    assert [row[0] for row in mailed] == ["export.failed"]
