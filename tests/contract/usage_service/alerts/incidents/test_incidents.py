"""Whatever becomes of its rule or budget, an incident that an alert opened in PagerDuty is resolved, and only when it is over."""

import json

import pytest

from tests.contract.usage_service.alerts.alert_cases import calls, refuse, set_budget
from tests.contract.usage_service.alerts.incidents.conftest import Pager
from tests.contract.usage_service.alerts.test_held import quiet_now

REACHED, EXHAUSTED, RECOVERED = "budget.threshold_reached", "budget.exhausted exhausted", "budget.recovered below"
CLOSED = "alert.closed closed"
CHAT = '[{"kind": "CHANNEL", "id": "chat"}]'


async def test_an_incident_is_open_until_the_budget_recovers(pager: Pager) -> None:
    await pager.call(10)
    assert (await pager.got(), await pager.open()) == ([f"{REACHED} 100%"], 1)
    await set_budget(pager.owner, 100)
    await pager.step()
    assert (await pager.got(), await pager.open()) == ([f"{REACHED} 100%", RECOVERED], 0)


async def test_later_thresholds_belong_to_the_same_incident(pager: Pager) -> None:
    for count in (8, 1, 1):
        await pager.call(count)
    assert (len(await pager.got()), await pager.open()) == (3, 1)


async def test_an_alert_in_a_digest_is_sent_to_pagerduty_at_once_and_its_recovery_resolves_the_incident(
    pager: Pager,
) -> None:
    """Seen to fail: the recovery was in a digest, which opened another incident."""
    recipients = json.dumps([{"kind": "CHANNEL", "id": "pager"}, {"kind": "CHANNEL", "id": "chat"}])
    await pager.say(frequency="DAILY", recipients=recipients)
    await pager.call(10)
    assert (await pager.got(), await pager.got("chat")) == ([f"{REACHED} 100%"], [])
    await set_budget(pager.owner, 100)
    await pager.step()
    assert (await pager.got(), await pager.open()) == ([f"{REACHED} 100%", RECOVERED], 0)
    await pager.owner.execute("UPDATE held_alerts SET send_time = now() WHERE release_time IS NULL")
    await pager.step()
    assert await pager.got("chat") == ["digest "]
    assert len(await pager.got()) == 2


@pytest.mark.parametrize("ending", [
    "DELETE FROM notification_rules",
    "UPDATE notification_rules SET state = 'DISABLED', update_time = now()",
    "UPDATE notification_rules SET scope_kind = 'group', scope_id = 'elsewhere', update_time = now()",
    "UPDATE notification_rules SET percents = '{95}', update_time = now()",
    "UPDATE notification_rules SET event_types = '{budget.exhausted}', update_time = now()",
])  # fmt: skip
async def test_a_rule_that_no_longer_reports_it_closes_its_incident(pager: Pager, ending: str) -> None:
    """Seen to leave the incident open without `Incidents.close`."""
    await pager.call(8)
    await pager.owner.execute(ending)
    await pager.step(look=ending.startswith("DELETE"))
    await pager.step()
    assert (await pager.got(), await pager.open()) == ([f"{REACHED} 80%", CLOSED], 0)


async def test_a_deleted_rule_is_noticed_by_the_audit_log(pager: Pager) -> None:
    await pager.call(8)
    await pager.owner.execute("DELETE FROM notification_rules")
    await pager.owner.execute(
        "INSERT INTO audit_log (organization_id, user_id, member_id, role, method, resource_name) VALUES"
        " ('acme', 'u-sue', 'sue', 'SUPER_ADMIN', 'a.B/DeleteNotificationRule', 'organizations/acme/notificationRules/budgets')"
    )
    await pager.step()
    assert await pager.open() == 0


async def test_a_rule_that_changes_otherwise_leaves_its_incident_open(pager: Pager) -> None:
    await pager.call(8)
    await pager.say(percents=[70, 80], display_name="Other")
    await pager.step(look=True)
    assert CLOSED not in await pager.got()
    assert await pager.open() == 1


async def test_a_recovery_goes_to_pagerduty_although_the_rule_has_other_recipients_now(pager: Pager) -> None:
    await pager.call(10)
    await pager.say(recipients=CHAT)
    await pager.step()
    assert await pager.open() == 1
    await set_budget(pager.owner, 100)
    await pager.step()
    assert (await pager.got(), await pager.open()) == ([f"{REACHED} 100%", RECOVERED], 0)
    assert await pager.got("chat") == [RECOVERED]


async def test_a_budget_below_a_threshold_again_closes_an_incident_that_no_recovery_is_reported_of(
    pager: Pager,
) -> None:
    await pager.call(8)
    await set_budget(pager.owner, 100)
    await pager.step()
    assert (await pager.got(), await pager.open()) == ([f"{REACHED} 80%", CLOSED], 0)


async def test_a_new_period_closes_the_incident_of_the_one_before_and_opens_none(pager: Pager) -> None:
    """Seen to fail: `budget.reset` opened an incident, and the one before stayed open."""
    await pager.say(event_types=["budget.threshold_reached", "budget.reset"])
    await pager.call(8)
    await pager.owner.execute("UPDATE guardrails SET reset_time = now(), update_time = now()")
    await pager.step(look=True)
    await pager.step()
    assert (await pager.got(), await pager.open()) == ([f"{REACHED} 80%", CLOSED], 0)


async def test_refusals_keep_an_incident_open_until_the_budget_is_raised(pager: Pager) -> None:
    await pager.say(event_types=["budget.exhausted"], percents=[])
    await calls(pager.owner, 7)
    await refuse(pager.owner)
    await pager.step()
    await pager.step(look=True)
    assert (await pager.got(), await pager.open()) == ([EXHAUSTED], 1)
    await pager.owner.execute("UPDATE refused_calls SET update_time = now() - interval '1 minute'")
    await set_budget(pager.owner, 100)
    await pager.owner.execute("UPDATE guardrails SET update_time = now()")
    await pager.step(look=True)
    assert (await pager.got(), await pager.open()) == ([EXHAUSTED, CLOSED], 0)


async def test_an_incident_that_is_over_before_quiet_hours_end_pages_no_one(pager: Pager) -> None:
    await pager.say(quiet_hours=quiet_now())
    await pager.call(10)
    assert (await pager.got(), await pager.open()) == ([], 1)
    await set_budget(pager.owner, 100)
    await pager.step()
    await pager.say(quiet_hours=None)
    await pager.step()
    assert (await pager.got(), await pager.open()) == ([RECOVERED], 0)


async def test_quiet_hours_hold_up_no_end_of_an_incident(pager: Pager) -> None:
    await pager.call(10)
    await pager.say(quiet_hours=quiet_now())
    await set_budget(pager.owner, 100)
    await pager.step()
    assert (await pager.got(), await pager.open()) == ([f"{REACHED} 100%", RECOVERED], 0)


async def test_an_incident_that_begins_again_is_another_one(pager: Pager) -> None:
    await pager.call(8)
    await pager.say(state="DISABLED")
    await pager.step()
    await set_budget(pager.owner, 100)
    await pager.say(state="ENABLED")
    await pager.step()
    await set_budget(pager.owner, 10)
    await pager.owner.execute("UPDATE guardrails SET update_time = now()")
    await pager.step()
    await pager.say(state="DISABLED")
    await pager.step()
    assert (await pager.got(), await pager.open()) == ([f"{REACHED} 80%", CLOSED] * 2, 0)


async def test_other_channels_hear_nothing_of_incidents(pager: Pager) -> None:
    await pager.say(recipients=CHAT)
    await pager.call(8)
    await pager.say(state="DISABLED")
    await pager.step()
    assert (await pager.got("chat"), await pager.open()) == ([f"{REACHED} 80%"], 0)


async def test_a_deleted_channel_takes_its_incidents_with_it(pager: Pager) -> None:
    await pager.call(8)
    await pager.owner.execute("DELETE FROM notification_channels WHERE channel_id = 'pager'")
    assert await pager.open() == 0
