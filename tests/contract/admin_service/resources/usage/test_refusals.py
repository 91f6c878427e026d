"""Refused calls: who sees them, divided by what, and their share of all calls."""

import datetime as dt
import random
from collections import Counter
from typing import Any, Final

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import usage_pb2
from megarouter.admin.v1.analytics_pb2 import UsageFilter

from tests.contract.admin_service.conftest import GROUPS, Client
from tests.contract.admin_service.resources.analytics.test_service import (
    END,
    ORGANIZATION,
    START,
    add_catalog_and_robot,
    time_range,
)
from tests.contract.usage_service.settlement_cases import make_hold, make_settlement
from usage_service.settlement.store import settle_batch

ROWS: Final = [
    ("acme", 0, "budget_exhausted", "group", "eng", "l1", "key-l1", GROUPS["eng"], 5),
    ("acme", 1, "rate_limited", "organization", "acme", "sub", "key-sub", GROUPS["platform"], 7),
    ("acme", 1, "rate_limited", "member", "sub", "sub", "key-sub", GROUPS["platform"], 2),
    ("acme", 2, "key_disabled", "", "", "member", "key-member", GROUPS["platform"], 3),
    ("acme", 3, "rate_limited", "", "", "sales", "key-sales", GROUPS["sales"], 11),
    ("acme", 70 * 1_440, "rate_limited", "", "", "sales", "key-sales", GROUPS["sales"], 1_000),
    ("other", 0, "rate_limited", "", "", "stranger", "key-stranger", [], 13),
]

_VALUES: Final[dict[str, Any]] = {
    "REASON": lambda row: row["reason"],
    "GUARDRAIL": lambda row: {"": "", "organization": "guardrails/organization"}.get(
        row["scope_kind"], f"guardrails/{row['scope_kind']}-{row['scope_id']}"
    ),
    "MEMBER": lambda row: f"members/{row['member_id']}",
    "API_KEY": lambda row: f"apiKeys/{row['api_key_id']}",
}
"""The value of a row by each dimension."""


def some_filter(chance: random.Random) -> dict[str, list[str]]:
    """Returns ids by the fields of a filter."""
    values = {"groups": ["eng", "platform", "sales"], "members": ["l1", "sub"], "api_keys": ["key-l1", "key-sales"]}
    return {name: chance.sample(ids, 1 + chance.randrange(2)) for name, ids in values.items() if chance.random() < 0.25}


def _is_kept(row: asyncpg.Record, kept: dict[str, list[str]]) -> bool:
    return (
        any(group in row["group_path"] for group in kept.get("groups", row["group_path"]))
        and row["member_id"] in kept.get("members", [row["member_id"]])
        and row["api_key_id"] in kept.get("api_keys", [row["api_key_id"]])
    )


def _message(kept: dict[str, list[str]]) -> UsageFilter:
    collections = {"groups": "groups", "members": "members", "api_keys": "apiKeys"}
    named: Any = {name: [f"{ORGANIZATION}/{collections[name]}/{one}" for one in ids] for name, ids in kept.items()}
    return UsageFilter(**named)


@pytest.fixture(autouse=True)
async def refused(owner: asyncpg.Connection, client: Client) -> None:
    """Adds refused calls, and two calls of `sub` that passed."""
    await add_catalog_and_robot(owner)
    for organization, minutes, *columns in ROWS:
        await owner.execute(
            "INSERT INTO refused_calls VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            organization, START + dt.timedelta(minutes=int(minutes)), *columns,
        )  # fmt: skip
    placed = int((START + dt.timedelta(hours=1)).timestamp() * 1e6)
    holds = [
        make_hold(member="sub", api_key="key-sub", group_path=GROUPS["platform"], placed_epoch_us=placed) for _ in "12"
    ]
    await settle_batch(owner, [make_settlement(hold) for hold in holds])


async def asked(client: Client, member: str = "super", *group_by: str, **fields: Any) -> Any:
    request = usage_pb2.QueryRefusalsRequest(
        name=ORGANIZATION,
        group_by=[usage_pb2.RefusalDimension.Value(f"REFUSAL_DIMENSION_{one}") for one in group_by],
        **{"time_range": time_range(), **fields},
    )
    return await client.call("QueryRefusals", request, member)


async def counted(client: Client, member: str, *group_by: str, **fields: Any) -> list[tuple[Any, ...]]:
    answer = await asked(client, member, *group_by, **fields)
    return [
        (*(value.value.removeprefix(f"{ORGANIZATION}/") for value in group.values), group.refusal_count)
        for group in answer.groups
    ]


async def test_each_dimension_adds_up(client: Client) -> None:
    assert await counted(client, "super") == [(28,)]
    assert await counted(client, "super", "REASON") == [
        ("rate_limited", 20), ("budget_exhausted", 5), ("key_disabled", 3),
    ]  # fmt: skip
    assert await counted(client, "super", "GUARDRAIL") == [
        ("", 14), ("guardrails/organization", 7), ("guardrails/group-eng", 5), ("guardrails/member-sub", 2),
    ]  # fmt: skip
    assert await counted(client, "super", "API_KEY", "REASON", limit=2) == [
        ("apiKeys/key-sales", "rate_limited", 11), ("apiKeys/key-sub", "rate_limited", 9),
    ]  # fmt: skip
    answer = await asked(client, "super", "MEMBER", limit=1)
    assert (answer.group_count, answer.refusal_count, len(answer.groups)) == (4, 28, 1)


async def test_each_caller_sees_those_of_their_subtree(client: Client) -> None:
    expected = {"super": 28, "l1": 17, "sub": 12, "member": 3, "sales": 11}
    for caller, count in expected.items():
        assert (await asked(client, caller)).refusal_count == count
    assert (
        await counted(client, "member", "REASON", usage_filter=UsageFilter(members=[f"{ORGANIZATION}/members/sub"]))
        == []
    )
    request = usage_pb2.QueryRefusalsRequest(name=ORGANIZATION, time_range=time_range())
    assert await client.code("QueryRefusals", request, "stranger") is grpc.StatusCode.PERMISSION_DENIED


async def test_rates_compare_with_the_calls_that_passed(client: Client) -> None:
    answer = await asked(client, "super", "MEMBER")
    rates = {
        group.values[0].value.rpartition("/")[2]: (group.call_count, group.rate_basis_points, group.share_basis_points)
        for group in answer.groups
    }
    assert rates == {
        "sales": (0, 10_000, 3_929),
        "sub": (2, 8_182, 3_214),
        "l1": (0, 10_000, 1_786),
        "member": (0, 10_000, 1_071),
    }
    assert (answer.call_count, answer.rate_basis_points) == (2, 9_333)
    by_reason = await asked(client, "super", "REASON")
    assert [group.call_count for group in by_reason.groups] == [2, 2, 2]
    assert by_reason.groups[0].rate_basis_points == 9_091
    names = {group.values[0].display_name for group in answer.groups}
    assert names == {"sales", "sub", "l1", "member"}


async def test_filters_narrow(client: Client) -> None:
    kept = UsageFilter(groups=[f"{ORGANIZATION}/groups/platform"])
    assert await counted(client, "super", usage_filter=kept) == [(12,)]
    assert await counted(client, "super", usage_filter=kept, reasons=["key_disabled", "budget_exhausted"]) == [(3,)]
    kept = UsageFilter(api_keys=[f"{ORGANIZATION}/apiKeys/key-l1"])
    assert await counted(client, "super", usage_filter=kept) == [(5,)]
    assert await counted(client, "super", time_range=time_range(START + dt.timedelta(minutes=2), END)) == [(14,)]
    for wrong, field in (
        ({"usage_filter": UsageFilter(models=["models/a"])}, "usage_filter"),
        ({"reasons": ["budget_exhausted", "why"]}, "reasons[1]"),
        ({"group_by": ["REFUSAL_DIMENSION_UNSPECIFIED"]}, "group_by"),
        ({"time_range": time_range(END, START)}, "time_range"),
    ):
        fields: dict[str, Any] = {"time_range": time_range(), **wrong}
        failure = await client.failure("QueryRefusals", usage_pb2.QueryRefusalsRequest(name=ORGANIZATION, **fields))
        assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, (field,))


async def test_random_questions_are_answered_as_a_slow_sum_of_the_rows(
    client: Client, owner: asyncpg.Connection
) -> None:
    """Seen to fail with a limit of the range that is included."""
    chance = random.Random(8)
    reasons, places = (
        ("rate_limited", "budget_exhausted", "key_disabled"),
        (("l1", "eng"), ("sub", "platform"), ("sales", "sales")),
    )
    made = []
    for _ in range(200):
        member, group = chance.choice(places)
        kind, scope = chance.choice((("", ""), ("organization", "acme"), ("group", group), ("member", member)))
        minute = START + dt.timedelta(minutes=chance.randrange(60))
        made.append(
            (
                "acme",
                minute,
                chance.choice(reasons),
                kind,
                scope,
                member,
                f"key-{member}",
                GROUPS[group],
                chance.randint(1, 9),
            )
        )
    await owner.executemany(
        "INSERT INTO refused_calls VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING", made
    )
    rows = await owner.fetch("SELECT * FROM refused_calls WHERE organization_id = 'acme'")
    sizes = set()
    for _ in range(25):
        start, end = sorted(chance.sample(range(61), 2))
        kept, asked_reasons = some_filter(chance), chance.sample(reasons, chance.choice((0, 0, 1, 2)))
        dimensions = chance.sample(list(_VALUES), chance.choice((0, 1, 2)))
        expected: Counter[tuple[str, ...]] = Counter()
        for row in rows:
            minute = (row["minute"] - START) / dt.timedelta(minutes=1)
            if start <= minute < end and _is_kept(row, kept) and (not asked_reasons or row["reason"] in asked_reasons):
                expected[tuple(_VALUES[dimension](row) for dimension in dimensions)] += row["call_count"]
        found = await counted(
            client, "super", *dimensions, reasons=asked_reasons, usage_filter=_message(kept), limit=1_000,
            time_range=time_range(START + dt.timedelta(minutes=start), START + dt.timedelta(minutes=end)),
        )  # fmt: skip
        assert {tuple(values): count for *values, count in found if count} == expected, (start, end, kept, dimensions)
        assert [count for *_, count in found] == sorted((count for *_, count in found), reverse=True)
        sizes.add(len(expected))
    assert len(sizes) > 4
