"""Answers about usage. All figures are exact integers."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final, NamedTuple, Self

from gateway_core.model.usage_measures import (
    COUNT_COLUMNS,
    FIRST_BUCKET_MS,
    INPUT_TOKEN_COLUMNS,
    LATENCY_BUCKETS,
    OUTPUT_TOKEN_COLUMNS,
)


@dataclass(frozen=True, slots=True)
class LatencyRange:
    """A half-open range of latencies."""

    at_least_ms: int
    below_ms: int | None
    """None: without an end."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """Calls by how long they took. Bucket 0 is below 32 ms; each later bucket begins at twice the last."""

    counts: tuple[int, ...] = (0,) * LATENCY_BUCKETS

    @property
    def call_count(self) -> int:
        """Calls whose latency is known."""
        return sum(self.counts)

    def percentile(self, percent: int) -> LatencyRange | None:
        """Returns the bucket of the smallest latency that this share of calls do not exceed (nearest rank); None without a call."""
        rank = -(-self.call_count * percent // 100)
        if rank <= 0:
            return None
        bucket = next(bucket for bucket, calls in enumerate(accumulate(self.counts)) if rank <= calls)
        is_last = bucket == LATENCY_BUCKETS - 1
        return LatencyRange(
            FIRST_BUCKET_MS << bucket - 1 if bucket else 0, None if is_last else FIRST_BUCKET_MS << bucket
        )


class Measures(NamedTuple):
    """The sums of calls. The fields are the columns of the rollups.

    A tuple, because an answer of a year has thousands, and a dataclass takes ten times as long to make.
    """

    call_count: int = 0
    """Settled and unconfirmed calls: those that budgets count."""
    voided_call_count: int = 0
    """Calls that failed and cost nothing."""
    unconfirmed_call_count: int = 0
    """Calls without a report, charged by the organization's policy. They are in `call_count`."""
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    input_audio_tokens: int = 0
    input_image_tokens: int = 0
    cache_read_audio_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    output_audio_tokens: int = 0
    output_image_tokens: int = 0
    charge_nano_credits: int = 0
    """After corrections."""
    baseline_nano_credits: int = 0
    """What the calls would have cost without routing. It equals the charge while no call is routed."""
    correction_count: int = 0
    correction_nano_credits: int = 0
    """By how much corrections changed the charge, which includes them."""
    durations: Latencies | None = None
    """None unless the query asks for latencies, and without a call that has one."""
    first_bytes: Latencies | None = None

    @property
    def all_input_tokens(self) -> int:
        """Tokens of every kind of input."""
        return sum(getattr(self, name) for name in INPUT_TOKEN_COLUMNS)

    @property
    def all_output_tokens(self) -> int:
        """Tokens of every kind of output."""
        return sum(getattr(self, name) for name in OUTPUT_TOKEN_COLUMNS)

    @property
    def tokens(self) -> int:
        """All tokens."""
        return self.all_input_tokens + self.all_output_tokens

    @property
    def savings_nano_credits(self) -> int:
        """The baseline charge less the charge."""
        return self.baseline_nano_credits - self.charge_nano_credits

    def __add__(self, other: Self) -> "Measures":  # type: ignore[override]
        return total_of((self, other))

    def __sub__(self, other: Self) -> "Measures":
        return measures_of(
            (a - b for a, b in zip(_counts(self), _counts(other), strict=True)),
            _less(self.durations, other.durations),
            _less(self.first_bytes, other.first_bytes),
        )


_COUNT: Final = len(COUNT_COLUMNS)


def _counts(measures: Measures) -> tuple[int, ...]:
    in_order: tuple[Any, ...] = measures
    return in_order[:_COUNT]


def measures_of(counts: Iterable[int], durations: Latencies | None, first_bytes: Latencies | None) -> Measures:
    """Returns measures.

    Args:
        counts: in the order of `COUNT_COLUMNS`.
        durations: as in `Measures`.
        first_bytes: as in `Measures`.
    """
    in_order: tuple[Any, ...] = (*counts, durations, first_bytes)
    return Measures._make(in_order)


def total_of(added: Iterable[Measures]) -> Measures:
    """Adds up measures. An answer of a year has thousands, so the integers of a column are added at once."""
    listed = list(added)
    if not listed:
        return NO_USAGE
    return measures_of(
        map(sum, zip(*map(_counts, listed), strict=True)),
        _sum(one.durations for one in listed),
        _sum(one.first_bytes for one in listed),
    )


def _sum(latencies: Iterable[Latencies | None]) -> Latencies | None:
    counts = [one.counts for one in latencies if one is not None]
    added = tuple(map(sum, zip(*counts, strict=True)))
    # A correction takes the latency of its call back.
    return Latencies(added) if any(added) else None


def _less(latencies: Latencies | None, other: Latencies | None) -> Latencies | None:
    if latencies is None or other is None:
        return latencies
    counts = tuple(a - b for a, b in zip(latencies.counts, other.counts, strict=True))
    return Latencies(counts) if any(counts) else None


NO_USAGE: Final = Measures()
assert Measures._fields[:_COUNT] == COUNT_COLUMNS  # noqa: S101


@dataclass(frozen=True, slots=True)
class Bucket:
    """The part `[start, end)` of a bucket of time that is in the range."""

    start: dt.datetime
    end: dt.datetime


@dataclass(frozen=True, slots=True)
class UsageGroup:
    """One group of calls, or all that are beyond the limit."""

    values: tuple[str, ...] | None
    """Ids, one for each dimension of the query; None for `other`, all groups beyond the limit."""
    total: Measures
    series: tuple[Measures, ...]
    """One for each bucket of the answer."""
    previous: Measures | None
    """The total of the previous period; None unless the query compares. `other` has all that is in no other group."""

    @property
    def is_other(self) -> bool:
        """Whether this is everything beyond the limit."""
        return self.values is None


@dataclass(frozen=True, slots=True)
class AsOf:
    """The state of the ledger that an answer is true to."""

    sequence: int
    """Every event of the organization up to this number is in the answer, and none after it."""
    time: dt.datetime
    rolled_sequence: int
    """Up to this number the rollups were used, and the records themselves after it."""


@dataclass(frozen=True, slots=True)
class UsageAnswer:
    """The answer to a `UsageQuery`."""

    buckets: tuple[Bucket, ...]
    groups: tuple[UsageGroup, ...]
    """In the order of the query, `other` last. Without dimensions there is one group, also if there are no calls."""
    group_count: int
    """How many groups there are without the limit."""
    total: Measures
    """The sum of all groups."""
    previous: Measures | None
    """The total of the previous period; None unless the query compares."""
    previous_range: Bucket | None
    time_zone: str
    """In which buckets begin. After a change of the organization's zone it is the old one until the rollups are rebuilt."""
    as_of: AsOf
    complete: bool
    """Whether no call is open that began before the end of the range. Otherwise the figures will still grow."""


@dataclass(frozen=True, slots=True)
class MemberCounts:
    """How many members and service accounts have a call that counts in budgets."""

    total: int
    by_value: Mapping[str, int]
    """Those that have one with each value of the query's first dimension."""
