"""What people do to keys, members, invites and guardrails is told once, with who did it."""

import asyncio

import pytest

from tests.contract.usage_service.alerts.sources.conftest import Company, Guard

ACTIVE = {"state": "STATE_ACTIVE"}


@pytest.mark.parametrize(
    ("event_type", "name", "before", "after", "scope"),
    [
        ("key.created", "apiKeys/one", None, ACTIVE, "api_key one"),
        ("key.disabled", "apiKeys/one", ACTIVE, {"state": "STATE_DISABLED"}, "api_key one"),
        ("key.deleted", "apiKeys/one", ACTIVE, {"state": "STATE_DELETED"}, "api_key one"),
        ("member.joined", "members/mia", None, ACTIVE, "member mia"),
        ("member.joined", "members/mia", {"state": "STATE_REMOVED"}, ACTIVE, "member mia"),
        ("member.removed", "members/mia", ACTIVE, {"state": "STATE_REMOVED"}, "member mia"),
        ("invite.used", "invites/i", {"maxUses": 3}, {"maxUses": 3, "useCount": 1}, "organization acme"),
        ("guardrail.changed", "guardrails/group-research", {"mode": "A"}, {"mode": "B"}, "group research"),
        ("guardrail.changed", "guardrails/apikey-one", None, {"mode": "B"}, "api_key one"),
        ("guardrail.changed", "guardrails/organization", None, {"mode": "B"}, "organization acme"),
    ],
)
async def test_a_change_is_told_once(
    company: Company, event_type: str, name: str, before: object, after: object, scope: str
) -> None:
    await company.key("one")
    await company.rule(event_type)
    await company.logged(name, before, after)
    await company.step()
    await company.step()
    assert await company.told() == [f"{event_type} {scope}"]
    assert (await company.data())["actor"] == {"name": "organizations/acme/members/sue", "displayName": "Sue"}


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("apiKeys/one", ACTIVE, {**ACTIVE, "displayName": "Other"}),
        ("apiKeys/one", {"state": "STATE_DISABLED"}, ACTIVE),
        ("members/mia", ACTIVE, {"state": "STATE_SUSPENDED"}),
        ("members/mia", {"state": "STATE_SUSPENDED"}, ACTIVE),
        ("invites/i", None, {"maxUses": 3}),
        ("groups/research", None, {"displayName": "Research"}),
    ],
)
async def test_other_changes_are_not_told(company: Company, name: str, before: object, after: object) -> None:
    await company.key("one")
    await company.rule("key.created", "key.disabled", "key.deleted", "member.joined", "member.removed", "invite.used")
    await company.logged(name, before, after)
    await company.step()
    assert await company.told() == []


async def test_a_changed_guardrail_names_the_settings_that_differ(company: Company) -> None:
    await company.rule("guardrail.changed")
    before = {"mode": "A", "budgetNanoCredits": "5", "spentNanoCredits": "1", "etag": "x"}
    await company.logged(
        "guardrails/member-mia", before, {**before, "budgetNanoCredits": "6", "spentNanoCredits": "2", "etag": "y"}
    )
    await company.step()
    assert (await company.data())["changedFields"] == ["budgetNanoCredits"]


async def test_a_refused_change_is_not_told(company: Company) -> None:
    await company.key("one")
    await company.rule("key.deleted")
    await company.logged("apiKeys/one", ACTIVE, {"state": "STATE_DELETED"})
    await company.owner.execute("ALTER TABLE audit_log DISABLE TRIGGER USER")
    await company.owner.execute("UPDATE audit_log SET refusal = 'PERMISSION_DENIED'")
    await company.step()
    assert await company.told() == []


async def test_entries_before_the_rule_s_organization_was_followed_are_history(company: Company) -> None:
    await company.owner.execute("TRUNCATE alert_positions")
    await company.key("one")
    await company.logged("apiKeys/one", None, ACTIVE)
    await company.rule("key.created")
    await company.step()
    assert await company.told() == []


async def test_an_entry_with_a_smaller_number_that_is_visible_later_is_told(company: Company) -> None:
    await company.key("one")
    await company.key("two")
    await company.rule("key.created")
    other = company.owner
    reserved = await other.fetchval("SELECT nextval('audit_log_sequence_seq')")
    await company.logged("apiKeys/two", None, ACTIVE)
    await company.step()
    await other.execute(
        "INSERT INTO audit_log (organization_id, sequence, user_id, method, resource_name, after) OVERRIDING SYSTEM VALUE"
        " VALUES ('acme', $1, 'u-sue', 'a.B/C', 'organizations/acme/apiKeys/one', '{\"state\": \"STATE_ACTIVE\"}')", reserved,
    )  # fmt: skip
    await company.step()
    assert await company.told() == ["key.created api_key two", "key.created api_key one"]


async def test_several_followers_tell_a_change_once(company: Company) -> None:
    await company.rule("key.created")
    for number in range(5):
        await company.key(f"key-{number}")
        await company.logged(f"apiKeys/key-{number}", None, ACTIVE)
        await asyncio.gather(*(company.follower.follow_once() for _ in range(4)))
    assert len(await company.told()) == 5


async def test_the_position_follows_entries_that_are_half_a_minute_old(company: Company) -> None:
    await company.logged("apiKeys/one", None, ACTIVE)
    await company.step()
    assert await company.owner.fetchval("SELECT audit_sequence FROM alert_positions") == 0
    await company.owner.execute("ALTER TABLE audit_log DISABLE TRIGGER USER")
    await company.owner.execute("UPDATE audit_log SET create_time = now() - interval '31 seconds'")
    await company.step()
    assert await company.owner.fetchval("SELECT audit_sequence FROM alert_positions") == 1


async def test_a_rule_of_a_group_tells_of_what_is_inside_it_only(company: Company, guard: Guard) -> None:
    await company.rule("guardrail.changed", scope="group:research")
    await company.logged("guardrails/member-mia", None, {"mode": "B"})
    await company.logged("guardrails/member-sue", None, {"mode": "B"})
    await company.step()
    assert await company.told() == ["guardrail.changed member mia"]
