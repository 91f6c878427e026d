"""Members switch off e-mail for themselves, and for no one else."""

import asyncpg
import pytest
from megarouter.admin.v1 import mail_preference_pb2
from megarouter.admin.v1.mail_preference_pb2 import MailPreference

from tests.contract.admin_service.conftest import Client

MINE = "organizations/acme/mailPreference"
ALWAYS = ["channel.disabled", "key.created", "key.deleted", "key.disabled"]


def wanted(*types: str, off: bool = False) -> mail_preference_pb2.SetMailPreferenceRequest:
    return mail_preference_pb2.SetMailPreferenceRequest(name=MINE, off=off, event_types_off=types)


async def shown(client: Client, member: str) -> MailPreference:
    request = mail_preference_pb2.GetMailPreferenceRequest(name=MINE)
    answer: MailPreference = await client.call("GetMailPreference", request, member)
    return answer


async def test_a_member_gets_all_alerts_until_they_say_otherwise(client: Client, people: None) -> None:
    found = await shown(client, "member")
    assert (found.off, list(found.event_types_off), list(found.event_types_always_sent)) == (False, [], ALWAYS)
    assert not found.HasField("update_time")


async def test_what_a_member_sets_is_theirs_alone(client: Client, people: None) -> None:
    await client.call("SetMailPreference", wanted("summary.weekly", "budget.reset", "budget.reset"), "member")
    assert list((await shown(client, "member")).event_types_off) == ["budget.reset", "summary.weekly"]
    for other in ("super", "l1"):
        assert list((await shown(client, other)).event_types_off) == []
    await client.call("SetMailPreference", wanted(off=True), "member")
    found = await shown(client, "member")
    assert (found.off, list(found.event_types_off)) == (True, [])


async def test_a_change_is_in_the_audit_log(client: Client, people: None, owner: asyncpg.Connection) -> None:
    await client.call("SetMailPreference", wanted(off=True), "member")
    row = await owner.fetchrow("SELECT member_id, resource_name, after FROM audit_log ORDER BY sequence DESC LIMIT 1")
    assert row is not None
    assert (row["member_id"], row["resource_name"]) == ("member", MINE)
    assert '"off": true' in row["after"]


@pytest.mark.parametrize("event_type", ["key.created", "channel.disabled", "digest", "no.such_event"])
async def test_what_is_always_sent_and_what_no_rule_can_name_is_refused(
    client: Client, people: None, event_type: str
) -> None:
    failure = await client.failure("SetMailPreference", wanted("budget.reset", event_type), "member")
    assert failure.reason == "FIELD_INVALID"
    assert list((await shown(client, "member")).event_types_off) == []


async def test_a_request_has_at_most_64_types(client: Client, people: None) -> None:
    failure = await client.failure("SetMailPreference", wanted(*["budget.reset"] * 65), "member")
    assert failure.reason == "FIELD_INVALID"
