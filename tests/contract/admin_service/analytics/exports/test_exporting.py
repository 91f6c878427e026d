"""Exports have every call as the ledger has it, from one snapshot."""

import dataclasses
import datetime as dt
import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from admin_service.analytics.call_records import TOKEN_COLUMNS
from admin_service.analytics.exports.cells import amount
from admin_service.analytics.exports.exporting import (
    Progress,
    export_calls,
    export_focus,
)
from admin_service.analytics.exports.reading import Selection
from admin_service.analytics.query import Filter, InvalidQueryError, Reach, UsageQuery
from admin_service.analytics.reading import UnknownOrganizationError
from tests.contract.admin_service.analytics.exports.exported import EVERYTHING, START, File, calls_of, charges, spent
from tests.contract.admin_service.analytics.usage_tree import GROUPS, HOMES, KEYS, make_tree
from tests.contract.usage_service.settlement_cases import make_hold, make_settlement, prepare
from tests.support.usage.histories import UsageHistory
from tests.support.usage.reference import Call, calls_at, is_wanted, tags_of
from usage_service.settlement.store import settle_batch


async def test_every_call_is_as_the_ledger_has_it(
    owner: asyncpg.Connection, reading: asyncpg.Pool, history: UsageHistory
) -> None:
    file = File()
    result = await export_calls(reading, EVERYTHING, file)
    head = await owner.fetchval("SELECT sequence FROM ledger_heads")
    calls = sorted(await calls_at(owner, "acme", head), key=lambda call: call.record["sequence"])
    assert [row["call_id"] for row in file.rows] == [call.record["hold_id"] for call in calls]
    for row, call in zip(file.rows, calls, strict=True):
        assert_same(row, call)
    assert {row["status"] for row in file.rows} == {"SETTLED", "VOIDED", "EXPIRED"}
    assert any(row["correction_sequence"] for row in file.rows)
    assert charges(file.rows) == result.charge_nano_credits == await spent(owner)
    assert (result.position, result.time_zone) == (head, "Europe/Berlin")
    assert (result.size_bytes, result.sha256) == (len(file.data), hashlib.sha256(file.data).hexdigest())


def assert_same(row: Mapping[str, str], call: Call) -> None:
    record, outcome = call.record, call.outcome
    for column, field in {"model": "requested_model", "member_id": "member_id", "api_key_id": "api_key_id",
                          "provider_id": "provider_id", "endpoint": "endpoint", "sequence": "sequence"}.items():  # fmt: skip
        assert row[column] == str(record[field])
    for column in (*TOKEN_COLUMNS, "http_status", "duration_ms", "time_to_first_byte_ms"):
        assert row[column] == ("" if outcome[column] is None else str(outcome[column])), column
    assert row["total_tokens"] == str(sum(outcome[column] for column in TOKEN_COLUMNS))
    assert row["charge_credits"] == row["baseline_credits"] == amount(outcome["charge_nano_credits"])
    assert row["correction_credits"] == ("" if call.correction is None else amount(call.correction))
    assert row["status"] == outcome["outcome"]
    assert json.loads(row["tags"] or "{}") == tags_of(call)
    assert row["group_path_ids"] == "/".join(record["group_path"])
    assert row["group_id"] == (record["group_path"] or [""])[-1]
    local = dt.datetime.fromisoformat(row["time"])
    assert local == dt.datetime.fromisoformat(row["time_utc"]) == call.moment
    assert local.utcoffset() == call.moment.astimezone(ZoneInfo("Europe/Berlin")).utcoffset()


async def test_an_export_at_a_position_is_the_same_bytes_after_more_calls_and_renames(
    owner: asyncpg.Connection, reading: asyncpg.Pool, history: UsageHistory
) -> None:
    first, second, later = File(), File(), File()
    for export in (export_calls, export_focus):
        first, second, later = File(), File(), File()
        before = await export(reading, EVERYTHING, first)
        await export(reading, EVERYTHING, second)
        await history.settle(owner, 40)
        await history.correct_the_rest(owner)
        await owner.execute("UPDATE groups SET display_name = display_name || '!'")
        at = dataclasses.replace(EVERYTHING, position=before.position)
        after = await export(reading, at, later)
        assert first.data == second.data == later.data
        assert (after.sha256, after.complete) == (before.sha256, False)
        assert charges(later.rows, "charge_credits" if export is export_calls else "BilledCost") < await spent(owner)


async def test_calls_that_are_settled_during_an_export_are_not_in_it(
    owner: asyncpg.Connection, reading: asyncpg.Pool, history: UsageHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("admin_service.analytics.exports.reading.BATCH_ROWS", 20)
    before = await spent(owner)
    seen: list[Progress] = []

    class Busy(File):
        async def __call__(self, data: bytes) -> None:
            await super().__call__(data)
            await history.settle(owner, 5)
            await history.correct_the_rest(owner)

    file = Busy()
    result = await export_calls(reading, EVERYTHING, file, report=seen.append)
    assert charges(file.rows) == before < await spent(owner)
    assert [progress.row_count for progress in seen] == [20, 40, 60, 80, 100, 120, 140, 150]
    assert {progress.last_position for progress in seen} == {result.position}
    assert seen[-1].position <= result.position


@pytest.mark.parametrize("seed", range(3))
async def test_filters_and_reach_choose_calls(
    owner: asyncpg.Connection, reading: asyncpg.Pool, history: UsageHistory, seed: int
) -> None:
    chance = random.Random(seed)
    calls = await calls_at(owner, "acme", await owner.fetchval("SELECT sequence FROM ledger_heads"))

    def some(values: Sequence[str]) -> frozenset[str]:
        return frozenset(chance.sample(values, chance.randint(1, 2))) if chance.random() < 0.3 else frozenset()

    sizes = set()
    for _ in range(15):
        start, end = sorted(START + dt.timedelta(seconds=chance.uniform(0, 20 * 86_400)) for _ in range(2))
        kept = Filter(
            groups=some(list(GROUPS)), members=some(list(HOMES)), api_keys=some(list(KEYS)),
            models=some(["acme-1", "acme-2", "unknown"]), providers=some(["acme", "zeta"]),
            endpoints=some(["chat_completions", "unknown"]), statuses=some(["SETTLED", "VOIDED", "EXPIRED"]),
            tags=frozenset([("project", "search"), ("env", "test")]) if chance.random() < 0.3 else frozenset(),
        )  # fmt: skip
        reach = chance.choice((Reach(), Reach(group=chance.choice(list(GROUPS))), Reach(member="ada")))
        query = UsageQuery("acme", start, end, filter=kept, reach=reach)
        wanted = {call.record["hold_id"] for call in calls if start <= call.moment < end and is_wanted(call, query)}
        rows = await calls_of(reading, Selection("acme", start, end, kept, reach))
        assert {row["call_id"] for row in rows} == wanted, query
        sizes.add(len(wanted))
    assert len(sizes) > 3


async def test_the_organization_wall_holds(
    owner: asyncpg.Connection, reading: asyncpg.Pool, history: UsageHistory
) -> None:
    await owner.execute("INSERT INTO organizations (organization_id, display_name) VALUES ('other', 'Other')")
    assert await calls_of(reading, dataclasses.replace(EVERYTHING, organization="other")) == []
    with pytest.raises(UnknownOrganizationError):
        await calls_of(reading, dataclasses.replace(EVERYTHING, organization="unknown"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"end": START}, "end"), ({"start": dt.datetime(1999, 1, 1, tzinfo=dt.UTC)}, "start"), ({"position": 10**6}, "position"),
     ({"position": -1}, "position"), ({"filter": Filter(models=frozenset(map(str, range(1_001))))}, "filter")],
)  # fmt: skip
async def test_a_selection_out_of_bounds_is_refused(
    owner: asyncpg.Connection, reading: asyncpg.Pool, changes: Mapping[str, object], field: str
) -> None:
    await prepare(owner)
    file = File()
    with pytest.raises(InvalidQueryError) as refused:
        await export_calls(reading, dataclasses.replace(EVERYTHING, **changes), file)  # type: ignore[arg-type]
    assert (refused.value.field, file.data) == (field, b"")


async def test_names_are_those_of_the_moment_of_the_call(owner: asyncpg.Connection, reading: asyncpg.Pool) -> None:
    await make_tree(owner)
    moment = START.timestamp()
    for hours, name in ((1, "Dusk"), (3, "Dawn")):
        await owner.execute("UPDATE groups SET display_name = $1 WHERE group_id = 'vision'", name)
        await owner.execute(
            "UPDATE usage_names SET valid_from = $1 WHERE id = 'vision' AND valid_to IS NULL",
            START + dt.timedelta(hours=hours),
        )
        await owner.execute(
            "UPDATE usage_names SET valid_to = $1, valid_from = least(valid_from, $1::timestamptz - interval '1 hour')"
            " WHERE id = 'vision' AND valid_to IS NOT NULL AND valid_to > $1",
            START + dt.timedelta(hours=hours),
        )  # fmt: skip
    holds = [
        make_hold(group_path=("research", "vision"), placed_epoch_us=int((moment + hours * 3_600) * 1e6))
        for hours in (2, 4)
    ]
    await settle_batch(owner, [make_settlement(hold) for hold in holds])
    assert [row["group_path"] for row in await calls_of(reading)] == ["research / Dusk", "research / Dawn"]


async def test_the_smallest_and_the_largest_amounts_are_exact(owner: asyncpg.Connection, reading: asyncpg.Pool) -> None:
    await prepare(owner)
    await settle_batch(
        owner, [make_settlement(make_hold(placed_epoch_us=int(START.timestamp() * 1e6))) for _ in range(3)]
    )
    await owner.execute("SET session_replication_role = replica")  # records are immutable
    for sequence, charge in ((2, 1), (3, 2**53 + 1), (4, 9_007_199_254_740_993_001)):
        await owner.execute("UPDATE usage_records SET charge_nano_credits = $2 WHERE sequence = $1", sequence, charge)
    assert [row["charge_credits"] for row in await calls_of(reading)] == [
        "0.000000001", "9007199.254740993", "9007199254.740993001",
    ]  # fmt: skip
