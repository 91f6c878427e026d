"""Answers questions about usage slowly and obviously, from the records, for tests to compare with.

It shares no code with the gateway: neither sums, nor calendars, nor the choice of what to read.
"""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from admin_service.analytics.query import AnyDimension, Dimension, Granularity, TagDimension, Tree, UsageQuery

TOKENS = (
    *("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "input_audio_tokens"),
    *("input_image_tokens", "cache_read_audio_tokens", "output_tokens", "reasoning_tokens", "output_audio_tokens"),
    "output_image_tokens",
)
INPUT_KINDS = 7
"""The first of `TOKENS` are input."""

Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """A call as the ledger has it at one position."""

    moment: dt.datetime
    status: str
    path: Sequence[str]
    path_of_now: Sequence[str]
    record: asyncpg.Record
    outcome: asyncpg.Record
    """The record, or the correction that replaced it."""
    correction: int | None


@dataclass(frozen=True)
class Records:
    """What an organization's ledger and tree have, read at once."""

    records: Sequence[asyncpg.Record]
    corrections: Sequence[asyncpg.Record]
    paths: Mapping[str, Sequence[str]]
    """The groups of each member now."""

    def at(self, sequence: int) -> list[Call]:
        """Returns every call that is recorded up to a number of the ledger."""
        corrections = {row["hold_id"]: row for row in self.corrections if row["sequence"] <= sequence}
        calls = []
        for record in self.records:
            if record["sequence"] > sequence:
                continue
            correction = corrections.get(record["hold_id"])
            outcome = correction or record
            delta: int | None = correction["delta_nano_credits"] if correction else None
            now = self.paths.get(record["member_id"], [])
            calls.append(
                Call(record["place_time"], outcome["outcome"], record["group_path"], now, record, outcome, delta)
            )
        return calls


async def read_records(connection: asyncpg.Connection, organization: str) -> Records:
    """Reads an organization's records."""
    members = await connection.fetch("SELECT * FROM members WHERE organization_id = $1", organization)
    return Records(
        await connection.fetch("SELECT * FROM usage_records WHERE organization_id = $1", organization),
        await connection.fetch("SELECT * FROM usage_corrections WHERE organization_id = $1", organization),
        {row["member_id"]: row["group_path"] for row in members},
    )


async def calls_at(connection: asyncpg.Connection, organization: str, sequence: int) -> list[Call]:
    """Returns every call of an organization that is recorded up to a number of its ledger."""
    return (await read_records(connection, organization)).at(sequence)


def is_wanted(call: Call, query: UsageQuery) -> bool:
    """Returns whether a call passes filter and reach. The range is not looked at."""
    kept, path = query.filter, _path(call, query)
    member = call.record["member_id"]
    return (
        (not kept.groups or any(group in path for group in kept.groups))
        and (not kept.members or member in kept.members)
        and (not kept.api_keys or call.record["api_key_id"] in kept.api_keys)
        and (not kept.models or call.record["requested_model"] in kept.models)
        and (not kept.providers or call.record["provider_id"] in kept.providers)
        and (not kept.endpoints or call.record["endpoint"] in kept.endpoints)
        and (not kept.statuses or call.status in kept.statuses)
        and all((name, tags_of(call).get(name)) in kept.tags for name, _ in kept.tags)
        and (query.reach.group is None or query.reach.group in path)
        and (query.reach.member is None or member == query.reach.member)
    )


def values_of(call: Call, query: UsageQuery) -> tuple[str, ...]:
    """Returns the values of the query's dimensions."""
    return tuple(_value(call, dimension, query) for dimension in query.group_by)


def label_of(granularity: Granularity, zone: ZoneInfo, moment: dt.datetime) -> object:
    """Returns what all moments of one bucket have in common, and no moment of another bucket."""
    local = moment.astimezone(zone)
    match granularity:
        case Granularity.HOUR:
            return local.date(), local.hour, local.utcoffset()
        case Granularity.DAY:
            return local.date()
        case Granularity.WEEK:
            return local.isocalendar()[:2]
        case Granularity.MONTH:
            return local.year, local.month
    return None


def figures_of(calls: Sequence[Call]) -> Figures:
    """Adds up calls."""
    sums: dict[str, int] = defaultdict(int)
    durations: dict[int, int] = defaultdict(int)
    first_bytes: dict[int, int] = defaultdict(int)
    for call in calls:
        sums["call_count"] += call.status != "VOIDED"
        sums["voided_call_count"] += call.status == "VOIDED"
        sums["unconfirmed_call_count"] += call.status == "EXPIRED"
        for name in TOKENS:
            sums[name] += call.outcome[name]
        sums["charge_nano_credits"] += call.outcome["charge_nano_credits"]
        sums["baseline_nano_credits"] += call.outcome["charge_nano_credits"]
        sums["correction_count"] += call.correction is not None
        sums["correction_nano_credits"] += call.correction or 0
        if call.status == "SETTLED":
            for latency, counts in (
                (call.outcome["duration_ms"], durations),
                (call.outcome["time_to_first_byte_ms"], first_bytes),
            ):
                if latency is not None:
                    counts[sum(latency >= 32 * 2**bucket for bucket in range(15))] += 1
    return {
        **sums,
        "durations": tuple(durations[bucket] for bucket in range(16)),
        "first_bytes": tuple(first_bytes[bucket] for bucket in range(16)),
    }


def order_of(figures: Figures, metric: str) -> int:
    """Returns the figure that groups are ordered by."""
    tokens = [figures.get(name, 0) for name in TOKENS]
    made = {
        "tokens": sum(tokens),
        "all_input_tokens": sum(tokens[:INPUT_KINDS]),
        "all_output_tokens": sum(tokens[INPUT_KINDS:]),
        "savings_nano_credits": 0,
    }
    return made[metric] if metric in made else int(figures.get(metric, 0))


def _path(call: Call, query: UsageQuery) -> Sequence[str]:
    return call.path_of_now if query.tree is Tree.AS_IT_IS else call.path


def tags_of(call: Call) -> Mapping[str, str]:
    """Returns the tags of a call by name."""
    return json.loads(call.record["tags"] or "{}")  # type: ignore[no-any-return]


def _value(call: Call, dimension: AnyDimension, query: UsageQuery) -> str:
    if isinstance(dimension, TagDimension):
        return tags_of(call).get(dimension.name, "")
    names: Mapping[AnyDimension, str] = {
        Dimension.MODEL: "requested_model",
        Dimension.PROVIDER: "provider_id",
        Dimension.ENDPOINT: "endpoint",
        Dimension.MEMBER: "member_id",
        Dimension.API_KEY: "api_key_id",
    }
    if dimension in names:
        return str(call.record[names[dimension]])
    if dimension is Dimension.STATUS:
        return call.status
    path = _path(call, query)
    if dimension is Dimension.GROUP:
        return path[-1] if path else ""
    level = int(dimension.value.removeprefix("group_level_"))
    return path[level - 1] if len(path) >= level else ""
