"""Random questions about usage."""

import datetime as dt
import random
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from zoneinfo import ZoneInfo

from admin_service.analytics.query import Dimension, Filter, Granularity, Metric, Reach, TagDimension, Tree, UsageQuery

_MOST_HOURS = dt.timedelta(days=90)
"""With more hours, an answer of twenty groups would be refused."""

Value = TypeVar("Value", bound=Hashable)


@dataclass(frozen=True)
class Subjects:
    """What questions may be about. Some of it may be unknown to the records."""

    organization: str
    start: dt.datetime
    end: dt.datetime
    groups: Sequence[str]
    members: Sequence[str]
    api_keys: Sequence[str]
    models: Sequence[str]
    providers: Sequence[str]
    endpoints: Sequence[str]
    tags: Sequence[tuple[str, str]]
    tag_names: Sequence[str] = ("project", "env", "unknown")


def some_query(chance: random.Random, zone: ZoneInfo, about: Subjects, moments: Sequence[dt.datetime]) -> UsageQuery:
    """Returns a random question. Its ends are often at the start of a local hour, day or month, or close to one of the moments."""
    start, end = sorted(_some_instant(chance, zone, about, moments) for _ in range(2))
    if start == end:
        end += dt.timedelta(microseconds=1)

    def some(values: Sequence[Value]) -> frozenset[Value]:
        return frozenset(chance.sample(values, chance.randint(1, 2))) if chance.random() < 0.25 else frozenset()

    granularity = chance.choice(list(Granularity))
    if granularity is Granularity.HOUR:
        end = min(end, start + _MOST_HOURS)
    return UsageQuery(
        organization=about.organization,
        start=start,
        end=end,
        group_by=tuple(chance.sample([*Dimension, *map(TagDimension, about.tag_names)], chance.choice((0, 1, 1, 2)))),
        filter=Filter(
            groups=some(about.groups),
            members=some(about.members),
            api_keys=some(about.api_keys),
            models=some(about.models),
            providers=some(about.providers),
            endpoints=some(about.endpoints),
            statuses=some(["SETTLED", "VOIDED", "EXPIRED"]),
            tags=some(about.tags),
        )
        if chance.random() < 0.7
        else Filter(groups=some(about.groups)),
        reach=chance.choice(
            (Reach(), Reach(), Reach(group=chance.choice(about.groups)), Reach(member=about.members[0]))
        ),
        granularity=granularity,
        tree=chance.choice(list(Tree)),
        order_by=chance.choice(list(Metric)),
        limit=chance.choice((1, 2, 5, 20)),
        compare_with_previous=chance.random() < 0.3,
        with_latencies=chance.random() < 0.3,
    )


def _some_instant(
    chance: random.Random, zone: ZoneInfo, about: Subjects, moments: Sequence[dt.datetime]
) -> dt.datetime:
    if chance.random() < 0.4:
        return chance.choice(moments) + dt.timedelta(seconds=chance.choice((0, chance.uniform(-1_000, 1_000))))
    days = (about.end - about.start) / dt.timedelta(days=1)
    instant = about.start + dt.timedelta(days=chance.uniform(-5, days + 5))
    local = instant.astimezone(zone).replace(tzinfo=None)
    match chance.randrange(5):
        case 0:
            return instant
        case 1:
            local = local.replace(minute=0, second=0, microsecond=0)
        case 2 | 3:
            local = local.replace(hour=0, minute=0, second=0, microsecond=0)
        case 4:
            local = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return local.replace(tzinfo=zone).astimezone(dt.UTC)
