"""Questions about usage."""

import datetime as dt
import enum
from dataclasses import dataclass
from typing import Final

MAX_GROUP_BY: Final = 2
MAX_LIMIT: Final = 1_000
MAX_POINTS: Final = 50_000
"""Buckets of time times groups that one answer may have."""
MAX_FILTER_VALUES: Final = 1_000


class Metric(enum.StrEnum):
    """What groups are ordered by. An answer always has all measures."""

    CALLS = "call_count"
    VOIDED_CALLS = "voided_call_count"
    UNCONFIRMED_CALLS = "unconfirmed_call_count"
    TOKENS = "tokens"
    INPUT_TOKENS = "all_input_tokens"
    OUTPUT_TOKENS = "all_output_tokens"
    CHARGE = "charge_nano_credits"
    SAVINGS = "savings_nano_credits"
    """The baseline charge less the charge."""
    CORRECTIONS = "correction_nano_credits"


class Dimension(enum.StrEnum):
    """What calls are grouped by. Values are ids; "" stands for calls without one, such as those of a member outside groups."""

    MODEL = "model"
    PROVIDER = "provider"
    ENDPOINT = "endpoint"
    STATUS = "status"
    """SETTLED, VOIDED or EXPIRED, after corrections."""
    MEMBER = "member"
    """Members and service accounts."""
    API_KEY = "api_key"
    GROUP = "group"
    """The group that the member was directly in."""
    GROUP_LEVEL_1 = "group_level_1"
    GROUP_LEVEL_2 = "group_level_2"
    GROUP_LEVEL_3 = "group_level_3"
    GROUP_LEVEL_4 = "group_level_4"


@dataclass(frozen=True, slots=True, order=True)
class TagDimension:
    """The values of a tag. "" stands for calls without it."""

    name: str
    """As it is stored."""

    def __str__(self) -> str:
        return f"tag:{self.name}"


AnyDimension = Dimension | TagDimension


class Granularity(enum.StrEnum):
    """The buckets of time, in the time zone of the rollups."""

    TOTAL = "TOTAL"
    """One bucket: the range."""
    HOUR = "HOUR"
    DAY = "DAILY"
    WEEK = "WEEKLY"
    """Weeks begin on Monday."""
    MONTH = "MONTHLY"


class Tree(enum.StrEnum):
    """Which organization tree decides the groups of a call."""

    AS_IT_WAS = "AS_IT_WAS"
    """That of the moment of the call."""
    AS_IT_IS = "AS_IT_IS"
    """The present one: a call belongs where its member is now, or was when they left."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What a caller may see. A filter can only narrow it. Without a group and a member: the whole organization."""

    group: str | None = None
    """Only calls in this group and below, in the tree that the query names."""
    member: str | None = None
    """Only calls of this member."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which calls count: those that match every set that is not empty."""

    groups: frozenset[str] = frozenset()
    """In one of these groups, or below."""
    members: frozenset[str] = frozenset()
    api_keys: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    providers: frozenset[str] = frozenset()
    endpoints: frozenset[str] = frozenset()
    statuses: frozenset[str] = frozenset()
    tags: frozenset[tuple[str, str]] = frozenset()
    """Names and values. A call must have one of the values of each name."""


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """A question about the usage of one organization.

    A call belongs to the moment at which its hold was placed, as in budgets.
    """

    organization: str
    start: dt.datetime
    """First instant of the range. Need not be the start of an hour or a day."""
    end: dt.datetime
    """First instant after the range."""
    group_by: tuple[AnyDimension, ...] = ()
    filter: Filter = Filter()
    reach: Reach = Reach()
    granularity: Granularity = Granularity.TOTAL
    tree: Tree = Tree.AS_IT_WAS
    order_by: Metric = Metric.CHARGE
    """Groups with more of it come first; equal ones in the order of their values."""
    limit: int = 20
    """How many groups to return by themselves. The rest of them is one group more, `other`."""
    compare_with_previous: bool = False
    """Also return the measures of the period before, of the same length: the same number of local months if the range
    consists of months, of local days if it consists of days, of seconds otherwise."""
    with_latencies: bool = False
    """Also return the latencies."""
    only_charge: bool = False
    """Return the charge and the numbers of calls, and zero for everything else. Adding up fewer columns takes less time."""


class InvalidQueryError(ValueError):
    """The question cannot be answered. The message says why, in words for the caller; `field` names what to change."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
