"""Compares what the upstream counted with usage records, findings and ledger, call by call."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from tests.support.mixed_calls.plans import Ending, Plan
from tests.support.mixed_calls.tally import PriceList

_COLUMNS = {
    "input": "input_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write_5m": "cache_write_5m_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "input_audio": "input_audio_tokens",
    "input_image": "input_image_tokens",
    "cache_read_audio": "cache_read_audio_tokens",
    "output": "output_tokens",
    "output_reasoning": "reasoning_tokens",
    "output_audio": "output_audio_tokens",
    "output_image": "output_image_tokens",
}


@dataclass(frozen=True)
class Difference:
    """A call whose record is not what the upstream counted."""

    plan: Plan
    what: str
    expected: object
    seen: object

    def __str__(self) -> str:
        plan = self.plan
        call = f"call {plan.number:>4} {plan.endpoint:<16} {plan.model:<22} {plan.ending}"
        return f"{call}: {self.what}: {self.expected} != {self.seen}"


def recorded_tokens(record: asyncpg.Record) -> dict[str, int]:
    """Returns the tokens of a record that are not zero, by category."""
    return {category: int(record[column]) for category, column in _COLUMNS.items() if record[column]}


def differences(plan: Plan, record: asyncpg.Record, kinds: frozenset[str], prices: PriceList) -> Iterable[Difference]:
    """Yields how a record differs from the plan of its call."""
    charge = int(record["charge_nano_credits"])
    if charge != sum(line[3] for line in json.loads(record["charge_lines"])):
        yield Difference(plan, "sum of lines", charge, record["charge_lines"])
    raced = plan.ending is Ending.RACED
    if plan.is_counted or (raced and record["source"] == "provider"):
        expected: Mapping[str, object] = {
            "source": "provider",
            "tokens": plan.tally.tokens,
            "charge": prices.charge(plan.tally),
        }
        seen = {"source": record["source"], "tokens": recorded_tokens(record), "charge": charge}
    elif plan.ending in {Ending.FAILED, Ending.FREE}:
        expected, seen = {"source": "none", "charge": 0}, {"source": record["source"], "charge": charge}
    else:
        yield from _estimate_differences(plan, record)
        expected = {"source": "estimated"}
        seen = {"source": record["source"]}
    for what, value in expected.items():
        if seen[what] != value:
            yield Difference(plan, what, value, seen[what])
    if kinds != plan.kinds and not (raced and not kinds):
        yield Difference(plan, "findings", sorted(plan.kinds), sorted(kinds))


def _estimate_differences(plan: Plan, record: asyncpg.Record) -> Iterable[Difference]:
    """Yields how the record of a call that the upstream did not count differs from what was delivered."""
    is_omitted = plan.ending in {Ending.OMITTED, Ending.OMITTED_AFTER_INPUT}
    flag = "usage_omitted" if is_omitted else "client_disconnected"
    if record["detail"] != flag:
        yield Difference(plan, "flag", flag, record["detail"])
    tokens = recorded_tokens(record)
    outputs = tokens.get("output", 0) + tokens.get("output_reasoning", 0)
    limit = plan.body.get("max_tokens") if isinstance(plan.body, Mapping) else None
    counts_input = plan.ending in {Ending.LEFT_AFTER_INPUT, Ending.OMITTED_AFTER_INPUT}
    # The event that counts the input counts one token of output.
    delivered = range(plan.delivered.tokens.stop) if plan.ending is Ending.RACED else plan.delivered.tokens
    if outputs not in delivered and outputs not in {limit, int(plan.endpoint == "messages")}:
        yield Difference(plan, "delivered tokens", delivered, outputs)
    searches = json.loads(record["uses"]).get("web_search", 0)
    if counts_input and searches != plan.delivered.searches:
        yield Difference(plan, "delivered searches", plan.delivered.searches, searches)
    if counts_input:
        inputs = {name: count for name, count in tokens.items() if not name.startswith("output")}
        counted = {name: count for name, count in plan.tally.main.tokens.items() if not name.startswith("output")}
        if inputs != counted:
            yield Difference(plan, "counted input", counted, inputs)


def table(found: Sequence[Difference]) -> str:
    """Returns the differences, one a line."""
    return "\n".join(["", f"{len(found)} differences", *(str(one) for one in found[:200])])
