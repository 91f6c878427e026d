"""Implausible usage is charged by estimate, and the report is kept for inspection (peer lesson B30)."""

import json
from typing import Any

import asyncpg
import pytest

from tests.contract.usage_service.settlement_cases import breaches, make_hold, make_settlement, prepare, the_row
from usage_service.settlement.rows import MAX_QUARANTINED_CHARACTERS
from usage_service.settlement.store import settle_batch

BILLIONS = {"usage": json.dumps({"prompt_tokens": 40, "completion_tokens": 5 * 10**9})}
NEGATIVE = {"usage": json.dumps({"prompt_tokens": -1, "completion_tokens": 20})}


@pytest.mark.parametrize(
    ("facts", "reason"), [(BILLIONS, "implausible_usage"), (NEGATIVE, "invalid_usage")], ids=["billions", "negative"]
)
async def test_implausible_usage_is_quarantined_and_not_posted(
    owner: asyncpg.Connection, facts: dict[str, Any], reason: str
) -> None:
    await prepare(owner)
    settlement = make_settlement(facts={**facts, "error.code": "canary", "model": "acme-1-large-2026"})
    await settle_batch(owner, [settlement])
    record = await the_row(owner, "SELECT source, detail, charge_nano_credits FROM usage_records")
    assert (record["source"], record["detail"]) == ("estimated", reason)
    assert 0 < record["charge_nano_credits"] <= settlement.hold.amount_nano_credits
    kept = await the_row(owner, "SELECT hold_id, organization_id, reason, report FROM usage_quarantine")
    report = json.loads(kept.pop("report"))
    assert kept == {"hold_id": settlement.hold.hold_id, "organization_id": "acme", "reason": reason}
    assert report == {"usage": facts, "http_status": 200, "response_bytes": 800}
    assert await breaches(owner) == []


async def test_a_repeated_report_is_quarantined_once(owner: asyncpg.Connection) -> None:
    await prepare(owner)
    settlement = make_settlement(facts=BILLIONS)
    await settle_batch(owner, [settlement, settlement])
    await settle_batch(owner, [settlement])
    assert await owner.fetchval("SELECT count(*) FROM usage_quarantine") == 1


async def test_quarantined_content_is_bounded_and_storable(owner: asyncpg.Connection) -> None:
    await prepare(owner)
    facts = {f"usage.{number}": '"\0\ud800' * 10_000 for number in range(40)}
    await settle_batch(owner, [make_settlement(facts={**facts, **NEGATIVE})])
    assert await owner.fetchval("SELECT length(report) FROM usage_quarantine") <= MAX_QUARANTINED_CHARACTERS


async def test_plausible_usage_is_not_quarantined(owner: asyncpg.Connection) -> None:
    await prepare(owner)
    await settle_batch(owner, [make_settlement(make_hold())])
    assert await owner.fetchval("SELECT count(*) FROM usage_quarantine") == 0
