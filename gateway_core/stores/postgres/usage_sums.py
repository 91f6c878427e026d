"""SQL that adds up usage facts and rollups (`usage_facts`, `usage_hours` and the like)."""

from collections.abc import Iterable
from typing import Final

from gateway_core.model.usage_measures import DURATION_COLUMNS, FIRST_BUCKET_MS, FIRST_BYTE_COLUMNS, LATENCY_BUCKETS

_THRESHOLDS_MS: Final = ",".join(str(FIRST_BUCKET_MS << bucket) for bucket in range(LATENCY_BUCKETS - 1))
_CALLS: Final = {
    "call_count": "sum(weight) FILTER (WHERE status <> 'VOIDED')",
    "voided_call_count": "sum(weight) FILTER (WHERE status = 'VOIDED')",
    "unconfirmed_call_count": "sum(weight) FILTER (WHERE status = 'EXPIRED')",
}


def measures_of_facts(names: Iterable[str]) -> str:
    """Returns the select list that adds up facts to measures. Latencies need the columns of `with_latency_buckets`."""
    return ", ".join(f"{_measure(name)} AS {name}" for name in names)


def with_latency_buckets(facts: str) -> str:
    """Returns the query for facts with the buckets of their latencies. Only settled calls have them."""
    bucket = f"CASE WHEN status = 'SETTLED' THEN width_bucket({{}}, ARRAY[{_THRESHOLDS_MS}]::bigint[]) END"
    return (
        f"SELECT *, {bucket.format('duration_ms')} AS duration_bucket,"  # noqa: S608 - our own names
        f" {bucket.format('time_to_first_byte_ms')} AS first_byte_bucket FROM ({facts}) AS plain"
    )


def sums(names: Iterable[str]) -> str:
    """Returns the select list that adds up measures."""
    return ", ".join(f"bigint_sum({name}) AS {name}" for name in names)


def _measure(name: str) -> str:
    if name in DURATION_COLUMNS:
        return f"sum(weight) FILTER (WHERE duration_bucket = {DURATION_COLUMNS.index(name)})"
    if name in FIRST_BYTE_COLUMNS:
        return f"sum(weight) FILTER (WHERE first_byte_bucket = {FIRST_BYTE_COLUMNS.index(name)})"
    return f"coalesce({_CALLS.get(name, f'bigint_sum({name})')}, 0)"
