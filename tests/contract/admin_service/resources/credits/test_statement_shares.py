"""Statements divided by group and by member: they add up, and show each caller only what they may see."""

import datetime as dt
from collections.abc import Sequence

import asyncpg
import pytest
from megarouter.admin.v1 import credit_pb2
from megarouter.admin.v1.credit_pb2 import CreditStatement
from megarouter.type.v1.time_range_pb2 import TimeRange

from admin_service.api.timestamps import timestamp
from admin_service.resources.credits import statement_shares
from gateway_core.model.ledger.transfers import top_up, usage_correction, usage_transfer
from gateway_core.stores.postgres.ledger_store import post_transfers
from tests.contract.admin_service.conftest import GROUPS, Client

ACME = "organizations/acme"
GROUP, MEMBER = CreditStatement.BREAKDOWN_GROUP, CreditStatement.BREAKDOWN_MEMBER
CALLS = {
    "h1": ("super", (), 5),
    "h2": ("l1", GROUPS["eng"], 7),
    "h3": ("member", GROUPS["platform"], 11),
    "h4": ("member", GROUPS["platform"], 13),
    "h5": ("below", GROUPS["inference"], 17),
    "h6": ("sales", GROUPS["sales"], 19),
}


async def record(
    owner: asyncpg.Connection, hold: str, member: str, path: Sequence[str], organization: str = "acme"
) -> None:
    await owner.execute(
        "INSERT INTO usage_records (hold_id, organization_id, sequence, outcome, source, detail, group_path, member_id, api_key_id,"
        " endpoint, streamed, requested_model, provider_id, price_version, input_tokens, cache_read_tokens, cache_write_5m_tokens,"
        " cache_write_1h_tokens, output_tokens, reasoning_tokens, hold_nano_credits, charge_nano_credits, charge_lines, counters,"
        " http_status, response_flags, request_id, place_time)"
        " VALUES ($1, $4, 1 + (SELECT count(*) FROM usage_records), 'SETTLED', 'provider', 'd', $3, $2, 'k', 'e', false, 'm',"
        " 'openai', 1, 0, 0, 0, 0, 0, 0, 0, 0, '[]', '{}', 200, '', 'r', now())",
        hold, member, list(path), organization,
    )  # fmt: skip


@pytest.fixture
async def month(owner: asyncpg.Connection, people: None) -> TimeRange:
    """A period in which members of several groups called, and one call was corrected."""
    start = await owner.fetchval("SELECT clock_timestamp()")
    await post_transfers(owner, "acme", [top_up(1_000, idempotency_key="t", actor="users/super", reason="t")])
    for hold, (member, path, cost) in CALLS.items():
        await record(owner, hold, member, path)
        await post_transfers(owner, "acme", [usage_transfer(hold, cost)])
    end = await owner.fetchval("SELECT clock_timestamp()")
    await record(owner, "later", "member", GROUPS["platform"])
    await post_transfers(owner, "acme", [usage_transfer("later", 100)])
    return TimeRange(start_time=timestamp(start), end_time=timestamp(end + dt.timedelta(microseconds=1)))


async def statement(
    client: Client, time_range: TimeRange, breakdown: CreditStatement.Breakdown.ValueType, caller: str = "super"
) -> CreditStatement:
    request = credit_pb2.GetCreditStatementRequest(
        name=f"{ACME}/creditStatement", time_range=time_range, breakdown=breakdown
    )
    found: CreditStatement = await client.call("GetCreditStatement", request, caller)
    charged = sum(entry.amount_nano_credits for entry in found.entries if entry.kind in CHARGES)
    if breakdown:
        assert sum(share.amount_nano_credits for share in found.shares) == charged
    return found


CHARGES = {credit_pb2.CreditTransaction.KIND_USAGE, credit_pb2.CreditTransaction.KIND_CORRECTION}


def shown(found: CreditStatement) -> list[tuple[str, int, int]]:
    return [
        (
            "rest" if share.is_remainder else share.scope.removeprefix(f"{ACME}/"),
            share.transaction_count,
            share.amount_nano_credits,
        )
        for share in found.shares
    ]


async def test_a_super_admin_sees_the_charges_of_every_member_and_group(client: Client, month: TimeRange) -> None:
    by_member = await statement(client, month, MEMBER)
    assert shown(by_member) == [
        ("members/member", 2, -24), ("members/sales", 1, -19), ("members/below", 1, -17), ("members/l1", 1, -7),
        ("members/super", 1, -5),
    ]  # fmt: skip
    assert by_member.shares[0].scope_display_name == "member"
    assert shown(await statement(client, month, GROUP)) == [
        ("groups/platform", 2, -24), ("groups/sales", 1, -19), ("groups/inference", 1, -17), ("groups/eng", 1, -7), ("", 1, -5),
    ]  # fmt: skip


async def test_an_l1_admin_sees_the_own_subtree_and_the_rest_as_one_sum(client: Client, month: TimeRange) -> None:
    assert shown(await statement(client, month, MEMBER, "l1")) == [
        ("members/member", 2, -24), ("members/below", 1, -17), ("members/l1", 1, -7), ("rest", 2, -24),
    ]  # fmt: skip
    assert shown(await statement(client, month, GROUP, "l1")) == [
        ("groups/platform", 2, -24), ("groups/inference", 1, -17), ("groups/eng", 1, -7), ("rest", 2, -24),
    ]  # fmt: skip


async def test_a_statement_is_not_divided_unless_asked(client: Client, month: TimeRange) -> None:
    assert shown(await statement(client, month, CreditStatement.BREAKDOWN_UNSPECIFIED)) == []


async def test_a_correction_counts_for_the_member_of_the_call(
    client: Client, owner: asyncpg.Connection, month: TimeRange
) -> None:
    sequence = await owner.fetchval("SELECT sequence FROM ledger_transfers WHERE hold_id = 'h6'")
    await post_transfers(owner, "acme", [usage_correction("h6", -4, sequence)])
    month.end_time.CopyFrom(timestamp(await owner.fetchval("SELECT clock_timestamp()")))
    found = {scope: (count, amount) for scope, count, amount in shown(await statement(client, month, MEMBER))}
    assert found["members/sales"] == (2, -15)


async def test_a_service_account_is_listed_by_its_name(
    client: Client, owner: asyncpg.Connection, month: TimeRange
) -> None:
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, display_name, group_id, role)"
        " VALUES ('acme', 'sa-build', 'Build server', 'sales', 'MEMBER')"
    )
    await record(owner, "h7", "sa-build", GROUPS["sales"])
    await post_transfers(owner, "acme", [usage_transfer("h7", 100)])
    month.end_time.CopyFrom(timestamp(await owner.fetchval("SELECT clock_timestamp()")))
    found = {share.scope: share.scope_display_name for share in (await statement(client, month, MEMBER)).shares}
    assert found[f"{ACME}/serviceAccounts/sa-build"] == "Build server"


async def test_what_follows_the_largest_shares_is_one_remainder(
    client: Client, month: TimeRange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statement_shares, "MAX_SHARES", 2)
    assert shown(await statement(client, month, MEMBER)) == [
        ("members/member", 2, -24), ("members/sales", 1, -19), ("rest", 3, -29),
    ]  # fmt: skip


async def test_a_member_reads_no_statement(client: Client, month: TimeRange) -> None:
    request = credit_pb2.GetCreditStatementRequest(name=f"{ACME}/creditStatement", time_range=month, breakdown=MEMBER)
    for caller in ("member", "sub", "stranger"):
        assert (await client.failure("GetCreditStatement", request, caller)).reason == "PERMISSION_DENIED"
