"""Providers that fail or refuse the account are told to those who call them, once until they work again."""

import pytest

from gateway_core.contract.usage_facts import UsageFact
from gateway_core.model.ledger.transfers import top_up
from gateway_core.stores.postgres.ledger_store import post_transfers
from tests.contract.usage_service.alerts.sources.conftest import Company
from tests.contract.usage_service.settlement_cases import make_hold, make_organization, make_settlement
from usage_service.settlement.charge_decision import SettlementDetail
from usage_service.settlement.rows import RecordedSettlement
from usage_service.settlement.store import settle_batch

DOWN = ("provider.down", "provider.recovered")
REFUSED = ("provider.account_refused", "provider.account_accepted")


async def fail_all(company: Company, failed: int) -> None:
    """Makes the first calls failed ones, and the others answered ones."""
    await company.owner.execute("ALTER TABLE usage_records DISABLE TRIGGER USER")
    await company.owner.execute("UPDATE usage_records SET detail = 'completed', http_status = 200")
    await company.owner.execute(
        "UPDATE usage_records SET detail = $2, http_status = 503 WHERE hold_id IN"
        " (SELECT hold_id FROM usage_records ORDER BY sequence LIMIT $1)", failed, SettlementDetail.PROVIDER_UNAVAILABLE,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _providers_are_looked_at_in_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("usage_service.alerts.follower._HEALTH_INTERVAL_S", 0.0)


async def test_a_provider_that_fails_is_told_once_and_so_is_its_recovery(company: Company) -> None:
    await company.rule(*DOWN, recipient="SUPER_ADMINS")
    await company.calls(10)
    await fail_all(company, 5)
    await company.step()
    await company.step(look=True)
    assert await company.told() == ["provider.down organization acme down"]
    data = await company.data()
    assert (data["provider"], data["callCount"], data["failedCount"], data["failedPercent"]) == ("acme", "10", "5", 50)
    await fail_all(company, 2)
    await company.step(look=True)
    assert await company.told() == [
        "provider.down organization acme down",
        "provider.recovered organization acme ended down",
    ]


async def test_a_smaller_share_and_few_calls_are_not_told(company: Company) -> None:
    await company.rule(*DOWN)
    await company.calls(9)
    await fail_all(company, 9)
    await company.step()
    await company.calls(10)
    await fail_all(company, 9)
    await company.step()
    assert await company.told() == []


async def test_organizations_that_do_not_call_a_provider_hear_nothing_of_it(company: Company) -> None:
    await make_organization(company.owner, "other")
    await company.rule(*DOWN)
    await company.owner.execute(
        "UPDATE notification_rules SET organization_id = 'other', scope_id = 'other' WHERE rule_id LIKE 'r-%'"
    )
    await company.calls(10)
    await fail_all(company, 10)
    await company.step(look=True)
    assert await company.told() == []


async def refused(company: Company) -> None:
    """Settles a call whose answer said that the account has no credit."""
    settlement = make_settlement(make_hold(counters=()), facts={UsageFact.REFUSED_ANSWER: "billing"}, http_status=503)
    await settle_batch(company.owner, [settlement])
    sequence = await company.owner.fetchval("SELECT max(sequence) FROM usage_records")
    company.account_refusals.note([RecordedSettlement(sequence, settlement)])


async def test_a_refused_account_is_told_once_until_it_is_accepted(company: Company) -> None:
    await company.rule(*REFUSED, recipient="SUPER_ADMINS")
    for _ in range(2):
        await refused(company)
        await company.step()
    data = await company.data()
    assert (data["provider"], data["reason"]) == ("acme", "billing")
    await company.calls(1)
    await company.step()
    await refused(company)
    await company.step()
    assert await company.told() == [
        "provider.account_refused organization acme",
        "provider.account_accepted organization acme ended ",
        "provider.account_refused organization acme 1",
    ]


async def test_other_refused_answers_are_not_told(company: Company) -> None:
    await company.rule(*REFUSED)
    settlement = make_settlement(
        make_hold(counters=()), facts={UsageFact.REFUSED_ANSWER: "rate_limit"}, http_status=429
    )
    await settle_batch(company.owner, [settlement])
    company.account_refusals.note([RecordedSettlement(1, settlement)])
    await company.step(look=True)
    assert await company.told() == []


async def test_a_refusal_of_an_organization_that_is_gone_holds_up_nobody(company: Company) -> None:
    await company.rule("credit.topped_up")
    settlement = make_settlement(make_hold("gone", counters=()), facts={UsageFact.REFUSED_ANSWER: "billing"})
    company.account_refusals.note([RecordedSettlement(1, settlement)])
    transfer = top_up(5, idempotency_key="more", actor="test", reason="test")
    await post_transfers(company.owner, "acme", [transfer])
    await company.step()
    assert await company.told() == ["credit.topped_up organization acme"]
