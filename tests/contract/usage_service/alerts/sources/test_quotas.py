"""Seats and keys that reach a share of their limit are told once, until they are below it again."""

import dataclasses

import pytest

from tests.contract.usage_service.alerts.sources.conftest import Company, Guard
from usage_service.alerts.sources.quotas import QUOTAS
from usage_service.alerts.sources.source import Found, View

SEATS = ("seats.threshold_reached", "seats.recovered")
KEYS = ("keys.threshold_reached", "keys.recovered")


async def test_seats_that_reach_a_share_of_their_limit_are_told_once(company: Company, guard: Guard) -> None:
    await company.rule(*SEATS, percents=[80, 100])
    await guard("organization", "acme", seat_limit=3)
    await company.step()
    await company.step()
    assert await company.told() == ["seats.threshold_reached organization acme 100%"]
    assert (await company.data())["seats"] == {"used": "3", "limit": "3"}
    assert await company.inbox() == ["sue"]


async def test_a_member_who_leaves_is_told_as_a_free_seat(company: Company, guard: Guard) -> None:
    await company.rule(*SEATS, percents=[100])
    await guard("organization", "acme", seat_limit=3)
    await company.step()
    await company.owner.execute("UPDATE members SET state = 'REMOVED' WHERE member_id = 'mia'")
    await company.logged("members/mia", {"state": "STATE_ACTIVE"}, {"state": "STATE_REMOVED"})
    await company.step()
    assert await company.told() == [
        "seats.threshold_reached organization acme 100%",
        "seats.recovered organization acme ended 100%",
    ]


async def test_keys_of_a_member_are_told_to_that_member(company: Company, guard: Guard) -> None:
    await company.rule(*KEYS, percents=[50])
    await guard("member", "mia", key_limit=4)
    await company.key("one")
    await company.step()
    assert await company.told() == []
    await company.key("two")
    await company.logged("apiKeys/two", None, {"state": "STATE_ACTIVE"})
    await company.step()
    assert await company.told() == ["keys.threshold_reached member mia 50%"]
    data = await company.data()
    assert (data["keys"], data["scope"]["displayName"]) == ({"used": "2", "limit": "4"}, "Mia")
    assert await company.inbox() == ["mia"]


async def test_keys_that_are_deleted_arm_the_threshold_again(company: Company, guard: Guard) -> None:
    await company.rule(*KEYS, percents=[100])
    await guard("member", "mia", key_limit=1)
    for _ in range(2):
        await company.owner.execute("DELETE FROM api_keys")
        await company.key("one")
        await company.logged("apiKeys/one", None, {"state": "STATE_ACTIVE"})
        await company.step()
        await company.owner.execute("UPDATE api_keys SET state = 'DELETED'")
        await company.logged("apiKeys/one", {"state": "STATE_ACTIVE"}, {"state": "STATE_DELETED"})
        await company.step()
    assert await company.told() == [
        "keys.threshold_reached member mia 100%",
        "keys.recovered member mia ended 100%",
        "keys.threshold_reached member mia 100% 1",
        "keys.recovered member mia ended 100% 1",
    ]


async def test_keys_of_the_whole_organization_count_toward_its_limit(company: Company, guard: Guard) -> None:
    await company.rule(*KEYS, percents=[100])
    await guard("organization", "acme", key_limit=2)
    await company.key("one")
    await company.key("two")
    await company.step()
    assert await company.told() == ["keys.threshold_reached organization acme 100%"]


async def test_seats_that_stay_below_their_limit_are_not_told_as_recovered(company: Company, guard: Guard) -> None:
    await company.rule(*SEATS, percents=[100])
    await guard("organization", "acme", seat_limit=30)
    await company.step()
    await company.step()
    assert await company.told() == []


async def test_an_entry_of_the_audit_log_is_news_once(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[bool] = []
    await company.rule(*SEATS, percents=[100])
    await company.owner.execute("UPDATE notification_rules SET update_time = now() - interval '1 hour'")
    await company.owner.execute("UPDATE guardrails SET update_time = now() - interval '1 hour'")

    async def find(view: View) -> Found:
        looked.append(True)
        return await QUOTAS.find(view)

    monkeypatch.setattr("usage_service.alerts.steps.decisions.ALL_SOURCES", (dataclasses.replace(QUOTAS, find=find),))
    await company.step()
    await company.step()
    before = len(looked)
    await company.logged("apiKeys/one", None, {"state": "STATE_ACTIVE"})
    for _ in range(3):
        await company.step()
    assert len(looked) == before + 1
