"""Findings about usage reports: who sees them, page by page, and by which filters."""

import json
from typing import Any

import asyncpg
import pytest
from megarouter.admin.v1 import usage_pb2
from megarouter.admin.v1.usage_pb2 import UsageFinding

from tests.contract.admin_service.conftest import GROUPS, Client

PLACES = {
    "super": [],
    "l1": GROUPS["eng"],
    "member": GROUPS["platform"],
    "below": GROUPS["inference"],
    "sales": GROUPS["sales"],
}


@pytest.fixture(autouse=True)
async def findings(owner: asyncpg.Connection, client: Client) -> None:
    """Adds one finding for each member of `PLACES`, a minute after the other, and one of another organization."""
    await owner.execute("SET session_replication_role = replica")  # without the records that the findings refer to
    for number, (member, path) in enumerate(PLACES.items()):
        await add_finding(owner, "acme", member, path, number)
    await add_finding(owner, "other", "stranger", [], 9)
    await owner.execute("SET session_replication_role = origin")


async def add_finding(owner: asyncpg.Connection, organization: str, member: str, path: list[str], number: int) -> None:
    await owner.execute(
        "INSERT INTO usage_findings VALUES ($1, $2, $3, $4, 'key-' || $4, 'acme-ai', 'acme-1', 'acme-2', $5, 'why', $6,"
        " 'provider', $7::bigint, now(), '2026-11-01T00:00:00Z'::timestamptz + $7::bigint * interval '1 minute')",
        f"hold-{organization}-{member}", organization, path, member,
        ["implausible_size"] if number % 2 else ["contradictory_counts", "unpriced"],
        json.dumps({"usage": "{}"}), number,
    )  # fmt: skip


async def listed(client: Client, member: str = "super", **fields: Any) -> list[UsageFinding]:
    request = usage_pb2.ListUsageFindingsRequest(parent="organizations/acme", **fields)
    return list((await client.call("ListUsageFindings", request, member)).usage_findings)


async def test_a_finding_says_what_was_found_reported_and_charged(client: Client) -> None:
    finding = (await listed(client))[-1]
    assert finding.name == "organizations/acme/usageFindings/hold-acme-super"
    assert list(finding.kinds) == [UsageFinding.KIND_CONTRADICTORY_COUNTS, UsageFinding.KIND_UNPRICED]
    assert (finding.reason, finding.report, finding.charge_nano_credits) == ("why", '{"usage": "{}"}', 0)
    assert (finding.member, finding.api_key) == (
        "organizations/acme/members/super",
        "organizations/acme/apiKeys/key-super",
    )
    assert finding.owner_display_name == "super"
    assert (finding.provider, finding.model, finding.answered_model) == ("providers/acme-ai", "models/acme-1", "acme-2")
    assert finding.source == UsageFinding.SOURCE_PROVIDER


@pytest.mark.parametrize(
    ("caller", "seen"),
    [
        ("super", ["sales", "below", "member", "l1", "super"]),
        ("l1", ["below", "member", "l1"]),
        ("sub", ["below", "member"]),
        ("member", ["member"]),
        ("sales", ["sales"]),
    ],
)
async def test_each_caller_sees_the_findings_of_their_subtree_newest_first(
    client: Client, caller: str, seen: list[str]
) -> None:
    assert [finding.member.rpartition("/")[2] for finding in await listed(client, caller)] == seen


@pytest.mark.parametrize(
    ("filter_text", "count"),
    [
        ("kinds : unpriced", 3),
        ("kinds : implausible_size", 2),
        ('create_time >= "2026-11-01T00:02:00Z"', 3),
        ('provider = "acme-ai" AND model = "acme-1"', 5),
        ('provider = "other"', 0),
        ('member = "organizations/acme/members/below"', 1),
        ('api_key = "organizations/acme/apiKeys/key-l1"', 1),
        ("charge_nano_credits > 2", 2),
        ("source = ESTIMATED", 0),
    ],
)
async def test_a_filter_selects_findings(client: Client, filter_text: str, count: int) -> None:
    assert len(await listed(client, filter=filter_text)) == count


async def test_pages_join_to_the_whole_list(client: Client) -> None:
    names, token = [], ""
    while True:
        request = usage_pb2.ListUsageFindingsRequest(parent="organizations/acme", page_size=2, page_token=token)
        page = await client.call("ListUsageFindings", request)
        names += [finding.name for finding in page.usage_findings]
        if not (token := page.next_page_token):
            break
    assert names == [finding.name for finding in await listed(client)]
