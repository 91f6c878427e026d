"""Credit that runs low or out is told once, and so is what comes in."""

import asyncpg
import pytest

from gateway_core.model.ledger.transfers import top_up
from gateway_core.stores.postgres.ledger_store import post_transfers
from tests.contract.usage_service.alerts.sources.conftest import Company
from tests.contract.usage_service.settlement_cases import charge, make_organization

CREDITS = 10**9
LOW = ("credit.low", "credit.recovered")
OUT = ("credit.exhausted", "credit.restored")
CALL = charge()


async def add(company: Company, amount: int, key: str) -> None:
    transfer = top_up(amount, idempotency_key=key, actor="test", reason="More")
    await post_transfers(company.owner, "acme", [transfer])


async def balance(company: Company) -> int:
    query = "SELECT balance_nano_credits FROM ledger_accounts WHERE account = 'CREDIT_POOL'"
    return int(await company.owner.fetchval(query))


async def spend_all(company: Company) -> None:
    """Charges what is left in one adjusted call, so that the pool is empty."""
    left = await balance(company)
    await company.owner.execute(
        "UPDATE ledger_accounts SET balance_nano_credits = balance_nano_credits - $1 WHERE account = 'CREDIT_POOL'",
        left,
    )


async def refuse(company: Company) -> None:
    await company.owner.execute(
        "INSERT INTO refused_calls VALUES ('acme', date_trunc('minute', now()), 'credit_exhausted', '', '', 'mia', 'key-1',"
        " '{research}', 1, now() + interval '5 seconds') ON CONFLICT DO NOTHING"
    )


async def forget_top_ups(company: Company) -> None:
    """Moves what came in into the past: credit that has just come in hides refusals."""
    await company.owner.execute("ALTER TABLE ledger_transfers DISABLE TRIGGER USER")
    await company.owner.execute("UPDATE ledger_transfers SET create_time = create_time - interval '1 hour'")
    await company.owner.execute("ALTER TABLE ledger_transfers ENABLE TRIGGER USER")


async def test_credit_that_falls_to_an_amount_is_told_with_the_call_that_took_it(company: Company) -> None:
    await company.rule(*LOW, credit_left_nano_credits=1_000 * CREDITS - 2 * CALL, credit_left_days=0)
    await company.calls(1)
    await company.step()
    assert await company.told() == []
    await company.calls(2)
    await company.step()
    await company.step()
    assert await company.told() == [f"credit.low organization acme amount {1_000 * CREDITS - 2 * CALL}"]
    ((hold, sequence),) = await company.owner.fetch(
        "SELECT hold_id, sequence FROM usage_records ORDER BY sequence OFFSET 1 LIMIT 1"
    )
    assert (await company.data())["proof"] == {
        "ledgerPosition": str(sequence),
        "call": f"organizations/acme/calls/{hold}",
        "creditBeforeNanoCredits": str(1_000 * CREDITS - CALL),
        "creditAfterNanoCredits": str(1_000 * CREDITS - 2 * CALL),
    }
    assert await company.inbox() == ["sue"]


async def test_credit_that_came_in_and_fell_in_one_step_is_told_with_the_call_too(company: Company) -> None:
    await company.rule(*LOW, credit_left_nano_credits=1_000 * CREDITS + CALL, credit_left_days=0)
    await add(company, 3 * CALL, "more")
    await company.calls(2)
    await company.step()
    hold = await company.owner.fetchval("SELECT hold_id FROM usage_records ORDER BY sequence DESC LIMIT 1")
    assert (await company.data())["proof"]["call"] == f"organizations/acme/calls/{hold}"


async def test_a_top_up_ends_low_credit_and_arms_it_again(company: Company) -> None:
    least = 1_000 * CREDITS - CALL
    await company.rule(*LOW, credit_left_nano_credits=least, credit_left_days=0)
    for number in range(2):
        await company.calls(1)
        await company.step()
        await add(company, CALL, f"more-{number}")
        await company.step()
    assert await company.told() == [
        f"credit.low organization acme amount {least}",
        f"credit.recovered organization acme ended amount {least}",
        f"credit.low organization acme amount {least} 1",
        f"credit.recovered organization acme ended amount {least} 1",
    ]


async def test_credit_that_lasts_a_few_days_at_the_present_rate_is_low(company: Company, pool: asyncpg.Pool) -> None:
    await company.rule(*LOW, credit_left_days=7)
    await company.older_calls(4, 2, pool)
    await company.step(look=True)
    assert await company.told() == []
    await company.owner.execute(
        "UPDATE ledger_accounts SET balance_nano_credits = $1 WHERE account = 'CREDIT_POOL'", 7 * 2 * CALL
    )
    await company.step(look=True)
    assert await company.told() == ["credit.low organization acme 7 days"]
    assert (await company.data())["credit"] == {
        "leftNanoCredits": str(7 * 2 * CALL), "daysLeft": 7, "lowAtDays": 7,
    }  # fmt: skip


async def test_a_top_up_is_told_once(company: Company) -> None:
    await company.rule("credit.topped_up")
    await add(company, 5 * CREDITS, "more")
    await company.step()
    await company.step()
    data = await company.data()
    assert (data["amountNanoCredits"], data["reason"]) == (str(5 * CREDITS), "More")


async def test_top_ups_before_the_first_step_are_history(company: Company) -> None:
    await company.rule("credit.topped_up")
    await make_organization(company.owner, "other")
    await company.owner.execute(
        "UPDATE notification_rules SET organization_id = 'other' WHERE organization_id = 'acme'"
    )
    await company.step()
    assert await company.told() == []


@pytest.mark.parametrize("how", ["refused", "empty"])
async def test_credit_that_is_used_up_is_told_once_and_restored_by_a_top_up(company: Company, how: str) -> None:
    await company.rule(*OUT)
    await forget_top_ups(company)
    await company.calls(1)
    if how == "refused":
        await refuse(company)
    else:
        await spend_all(company)
    for _ in range(3):
        await company.step()
    assert await company.told() == ["credit.exhausted organization acme"]
    await add(company, 5_000 * CREDITS, "more")
    await company.step()
    await company.step()
    assert await company.told() == ["credit.exhausted organization acme", "credit.restored organization acme ended "]


async def test_an_organization_that_never_had_credit_has_not_used_it_up(company: Company) -> None:
    await company.rule(*OUT)
    await company.owner.execute("INSERT INTO organizations (organization_id, display_name) VALUES ('new', 'New')")
    await company.step()
    await company.step()
    assert await company.told() == []


async def test_an_organization_that_has_spent_nothing_has_not_used_its_credit_up(company: Company) -> None:
    await company.rule(*OUT)
    await spend_all(company)
    await company.step()
    assert await company.told() == []


async def test_a_refusal_before_the_top_up_does_not_say_that_credit_is_used_up_again(company: Company) -> None:
    await company.rule(*OUT)
    await forget_top_ups(company)
    await refuse(company)
    await add(company, 5 * CREDITS, "more")
    await company.step()
    assert await company.told() == []
