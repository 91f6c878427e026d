"""A usage report that is not right is charged in full, and kept for inspection (peer lesson B30)."""

import json
from typing import Any

import asyncpg
import pytest

from tests.contract.usage_service.settlement_cases import breaches, make_settlement, prepare, the_row
from usage_service.provider_reports.findings import MAX_REPORT_CHARACTERS
from usage_service.settlement.store import settle_batch

BILLIONS = {"usage": json.dumps({"prompt_tokens": 40, "completion_tokens": 5 * 10**9})}
NEGATIVE = {"usage": json.dumps({"prompt_tokens": -1, "completion_tokens": 20})}


@pytest.mark.parametrize(
    ("facts", "source", "detail", "kinds"),
    [
        (BILLIONS, "provider", "implausible_usage", ["implausible_size"]),
        (NEGATIVE, "estimated", "invalid_usage", ["unreadable_count"]),
    ],
    ids=["billions", "negative"],
)
async def test_a_report_that_is_not_right_is_charged_and_kept(
    owner: asyncpg.Connection, facts: dict[str, Any], source: str, detail: str, kinds: list[str]
) -> None:
    await prepare(owner)
    settlement = make_settlement(facts={**facts, "response_id": "canary", "model": settlement_model()})
    await settle_batch(owner, [settlement])
    record = await the_row(owner, "SELECT source, detail, charge_nano_credits FROM usage_records")
    assert (record["source"], record["detail"]) == (source, detail)
    found = await the_row(owner, "SELECT * FROM usage_findings")
    hold = settlement.hold
    assert found["kinds"] == kinds
    assert (found["hold_id"], found["organization_id"], found["member_id"]) == (
        hold.hold_id,
        "acme",
        hold.claims.member,
    )
    assert (found["group_path"], found["provider_id"]) == (list(hold.claims.group_path), hold.claims.provider)
    assert (found["charge_nano_credits"], found["source"]) == (record["charge_nano_credits"], source)
    assert json.loads(found["report"]) == {**facts, "model": settlement_model()}
    assert "canary" not in str(found)
    assert await breaches(owner) == []


def settlement_model() -> str:
    return make_settlement().hold.claims.served_model


async def test_a_repeated_report_is_found_once(owner: asyncpg.Connection) -> None:
    await prepare(owner)
    settlement = make_settlement(facts=BILLIONS)
    await settle_batch(owner, [settlement, settlement])
    await settle_batch(owner, [settlement])
    assert await owner.fetchval("SELECT count(*) FROM usage_findings") == 1


async def test_what_is_kept_is_bounded_and_storable(owner: asyncpg.Connection) -> None:
    await prepare(owner)
    facts = {f"usage.{number}": '"\0\ud800' * 10_000 for number in range(40)}
    await settle_batch(owner, [make_settlement(facts={**facts, **NEGATIVE})])
    assert await owner.fetchval("SELECT length(report) FROM usage_findings") <= MAX_REPORT_CHARACTERS


async def test_a_report_in_order_is_no_finding(owner: asyncpg.Connection) -> None:
    await prepare(owner)
    await settle_batch(owner, [make_settlement(), make_settlement()])
    assert await owner.fetchval("SELECT count(*) FROM usage_findings") == 0
