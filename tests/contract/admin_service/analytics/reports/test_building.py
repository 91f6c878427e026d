"""A report has what the ledger has at its position, whether it is read then or later."""

import dataclasses
import datetime as dt
from collections import defaultdict
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from admin_service.analytics.query import Filter, Reach, UsageQuery
from admin_service.analytics.reports.building import Wanted, build_report
from admin_service.analytics.reports.report import Interval, Report, Usage, parse_report
from gateway_core.stores.postgres.organization_wall import acting_for
from tests.contract.admin_service.analytics.exports.exported import END, START
from tests.support.usage.histories import UsageHistory
from tests.support.usage.reference import TOKENS, Call, calls_at, is_wanted

EVERYTHING = Wanted("acme", START, END)
VIEWS = (
    EVERYTHING,
    dataclasses.replace(EVERYTHING, reach=Reach(group="sales")),
    dataclasses.replace(EVERYTHING, reach=Reach(member="ada")),
    dataclasses.replace(
        EVERYTHING, filter=Filter(groups=frozenset({"research"}), models=frozenset({"acme-1", "zeta"}))
    ),
    dataclasses.replace(EVERYTHING, start=START + dt.timedelta(days=9), end=START + dt.timedelta(days=10)),
    dataclasses.replace(
        EVERYTHING, start=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), end=dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
    ),
)
NAMES = ("everything", "group", "member", "filter", "day", "empty")


async def build(pool: asyncpg.Pool, wanted: Wanted, former: Report | None = None) -> Report:
    async with acting_for(pool, "acme", isolation="repeatable_read") as connection:
        return await build_report(connection, wanted, former)


@pytest.mark.parametrize("wanted", VIEWS, ids=NAMES)
async def test_a_report_is_what_the_records_say(
    owner: asyncpg.Connection, reading: asyncpg.Pool, history: UsageHistory, wanted: Wanted
) -> None:
    report = await build(reading, wanted)
    query = UsageQuery("acme", wanted.start, wanted.end, filter=wanted.filter, reach=wanted.reach)
    wanted_calls = [call for call in await calls_at(owner, "acme", report.ledger_position) if is_wanted(call, query)]
    calls = [call for call in wanted_calls if wanted.start <= call.moment < wanted.end]
    assert_sum(report.total, calls)
    assert_sum(report.before, [call for call in wanted_calls if report.previous_start <= call.moment < wanted.start])
    assert report.active_members == len({call.record["member_id"] for call in calls if call.status != "VOIDED"})
    for rows, key in ((report.models, "requested_model"), (report.members, "member_id")):
        by_value = defaultdict(list)
        for call in calls:
            by_value[call.record[key]].append(call)
        # What was used only in the period before is in the row of all others.
        assert {row.ids[0] for row in rows if row.ids} == set(by_value)
        for row in rows:
            assert_sum(row.usage, by_value[row.ids[0]] if row.ids else [])
        assert sum(row.before.charge for row in rows) == report.before.charge
    zone = ZoneInfo(report.time_zone)
    form = "%F %H %z" if report.interval is Interval.HOUR else "%F"
    spent: dict[tuple[str, str], int] = defaultdict(int)
    for call in calls:
        if call.status != "VOIDED":
            spent[call.moment.astimezone(zone).strftime(form), call.record["requested_model"]] += call.outcome[
                "charge_nano_credits"
            ]
    bars = [start.strftime(form) for start in report.bucket_starts]
    assert {(bars[one.bucket], report.models[one.model].ids[0]): one.charge for one in report.points} == spent
    uppers = [row for row in report.groups if len(row.ids) == 1]
    assert sum(row.usage.charge for row in uppers) == report.total.charge
    for upper in uppers:
        below = [row.usage.charge for row in report.groups if len(row.ids) == 2 and row.ids[0] == upper.ids[0]]
        assert not below or sum(below) == upper.usage.charge


def assert_sum(usage: Usage, calls: list[Call]) -> None:
    assert dataclasses.asdict(usage) == {
        "call_count": sum(call.status != "VOIDED" for call in calls),
        "failed_call_count": sum(call.status == "VOIDED" for call in calls),
        "input_tokens": sum(call.outcome[name] for call in calls for name in TOKENS[:7]),
        "output_tokens": sum(call.outcome[name] for call in calls for name in TOKENS[7:]),
        "charge": sum(call.outcome["charge_nano_credits"] for call in calls),
        "correction_count": sum(call.correction is not None for call in calls),
        "correction": sum(call.correction or 0 for call in calls),
    }


@pytest.mark.parametrize("wanted", VIEWS, ids=NAMES)
async def test_a_report_can_be_read_again_as_of_its_position(
    owner: asyncpg.Connection, reading: asyncpg.Pool, history: UsageHistory, wanted: Wanted
) -> None:
    report = await build(reading, wanted)
    assert parse_report(report.canonical()) == report
    await history.settle(owner, 60)
    await history.correct_the_rest(owner)
    await owner.execute("UPDATE groups SET display_name = display_name || '!'")
    await owner.execute("UPDATE organizations SET display_name = 'Other', time_zone = 'Asia/Kathmandu'")
    await owner.execute("UPDATE groups SET path = ARRAY['research','vision'] WHERE group_id = 'vision'")
    assert (await build(reading, wanted, report)).canonical() == report.canonical()
    later = await build(reading, wanted)
    assert (later.total == report.total) == (wanted is VIEWS[-1])


async def test_budgets_are_those_that_the_reader_may_see(
    owner: asyncpg.Connection, reading: asyncpg.Pool, history: UsageHistory
) -> None:
    budgets = (
        ("organization", "acme", 10**12),
        ("group", "sales", 10**11),
        ("group", "vision", 10**10),
        ("member", "ada", 5),
    )
    for kind, scope, budget in budgets:
        await owner.execute(
            "INSERT INTO guardrails (organization_id, scope_kind, scope_id, budget_nano_credits) VALUES ('acme', $1, $2, $3)"
            " ON CONFLICT (organization_id, scope_kind, scope_id) DO UPDATE SET budget_nano_credits = excluded.budget_nano_credits",
            kind, scope, budget,
        )  # fmt: skip
    whole, sales, ada = [await build(reading, wanted) for wanted in VIEWS[:3]]
    assert {(one.kind, one.id, one.limit) for one in whole.budgets} == {
        ("organization", "acme", 10**12), ("group", "sales", 10**11), ("group", "vision", 10**10),
    }  # fmt: skip
    assert [(one.kind, one.id, one.name) for one in sales.budgets] == [("group", "sales", "sales")]
    assert [(one.kind, one.id, one.name, one.limit) for one in ada.budgets] == [("member", "ada", "ada", 5)]
    balance = await owner.fetchval(
        "SELECT balance_nano_credits FROM ledger_accounts WHERE organization_id = 'acme' AND account = 'CREDIT_POOL'"
    )
    assert (whole.balance, sales.balance, ada.balance) == (balance, None, None)
    assert balance is not None
    spent = next(one.spent for one in whole.budgets if one.kind == "organization")
    assert spent == await owner.fetchval(
        "SELECT balance_nano_credits FROM ledger_accounts WHERE organization_id = 'acme' AND account = 'USAGE'"
    )
