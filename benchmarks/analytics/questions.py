"""The questions that people ask of a year of usage, each with other members, groups and periods every time."""

import datetime as dt
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from zoneinfo import ZoneInfo

from admin_service.analytics.answer import UsageAnswer
from admin_service.analytics.calls import read_calls
from admin_service.analytics.forecasting.hour_profiles import HourProfiles
from admin_service.analytics.forecasting.reading import read_past
from admin_service.analytics.member_counts.reading import member_counts
from admin_service.analytics.query import Dimension, Filter, Granularity, Metric, Reach, TagDimension, UsageQuery
from admin_service.analytics.reading import answer_in
from benchmarks.analytics.past import ACCOUNTS, END, LEAVES, MEMBERS, MODELS, ORGANIZATION, START, TIME_ZONE
from gateway_core.stores.postgres.connections import Connection

_ZONE: Final = ZoneInfo(TIME_ZONE)
_DAY: Final = dt.timedelta(days=1)
PAGE: Final = 50
DAYS: Final = (END - START).days
EVERYONE: Final = Reach()


class Chance(random.Random):
    """Chooses members, groups and periods."""

    def __init__(self, seed: str, latest_days: int = DAYS) -> None:
        """Creates one whose periods of whole days end on one of the last `latest_days` days of the year."""
        super().__init__(seed)
        self.latest_days = latest_days


Ask = Callable[[Connection, Chance], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of question."""

    ask: Ask
    is_standard: bool = True
    """Whether the console and the command line ask it on their first page."""


def _some_days(chance: Chance, days: int) -> tuple[dt.datetime, dt.datetime]:
    """Returns a range of whole local days."""
    last = DAYS - 1 - chance.randrange(min(chance.latest_days, DAYS - days))
    start = START.astimezone(_ZONE).replace(tzinfo=None) + (last - days) * _DAY
    end = start + days * _DAY
    return start.replace(tzinfo=_ZONE).astimezone(dt.UTC), end.replace(tzinfo=_ZONE).astimezone(dt.UTC)


def _some_month(chance: Chance) -> tuple[dt.datetime, dt.datetime]:
    month = 11 - chance.randrange(min(11, 1 + chance.latest_days // 30))
    ends = [dt.datetime(2026, one, 1, tzinfo=_ZONE).astimezone(dt.UTC) for one in (month, month + 1)]
    return ends[0], ends[1]


def _year(_chance: Chance) -> tuple[dt.datetime, dt.datetime]:
    return START, END


def _until_now(chance: Chance) -> tuple[dt.datetime, dt.datetime]:
    """Returns 30 days that end in the last hour, which is in no day yet, as periods without an end do."""
    end = END - dt.timedelta(hours=chance.random())
    return end - 30 * _DAY, end


def _asking(
    range_of: Callable[[Chance], tuple[dt.datetime, dt.datetime]],
    *,
    kept: Callable[[Chance], Filter] = lambda _chance: Filter(),
    reach: Callable[[Chance], Reach] = lambda _chance: Reach(),
    **others: Any,  # noqa: ANN401 - fields of a question
) -> Ask:
    async def ask(connection: Connection, chance: Chance) -> UsageAnswer:
        start, end = range_of(chance)
        query = UsageQuery(ORGANIZATION, start, end, filter=kept(chance), reach=reach(chance))
        return await answer_in(connection, replace(query, **others))

    return ask


async def _summary(connection: Connection, chance: Chance, reach: Reach = EVERYONE) -> None:
    start, end = _some_days(chance, 30)
    query = UsageQuery(ORGANIZATION, start, end, group_by=(Dimension.MODEL,), reach=reach, limit=100)
    query = replace(query, compare_with_previous=True, with_latencies=True)
    before = (await answer_in(connection, query)).previous_range
    assert before is not None  # noqa: S101 - it compares
    await member_counts(connection, query, start, end)
    await member_counts(connection, replace(query, group_by=()), before.start, before.end)


async def _summary_of_a_group(connection: Connection, chance: Chance) -> None:
    await _summary(connection, chance, Reach(group=_group(chance)))


def _forecasting() -> Ask:
    profiles = HourProfiles()

    async def ask(connection: Connection, chance: Chance) -> None:
        now = _some_days(chance, 60)[1] + dt.timedelta(hours=15.3)
        await read_past(connection, ORGANIZATION, Filter(), now, profiles)

    return ask


def _member(chance: Chance) -> str:
    return f"mem-{int(chance.random() ** 3 * MEMBERS)}"


def _group(chance: Chance) -> str:
    level = chance.randrange(4)
    return f"g{level + 1}-{chance.randrange(LEAVES) // (48, 12, 3, 1)[level]}"


def _days_of(days: int) -> Callable[[Chance], tuple[dt.datetime, dt.datetime]]:
    return lambda chance: _some_days(chance, days)


_BY_MODEL_AND_DAY: Final[Mapping[str, Any]] = {"group_by": (Dimension.MODEL,), "granularity": Granularity.DAY}
QUESTIONS: Final[Mapping[str, Kind]] = {
    "summary of 30 days, compared": Kind(_summary),
    "a group's summary of 30 days, compared": Kind(_summary_of_a_group),
    "forecast": Kind(_forecasting()),
    "30 days by day, compared": Kind(_asking(_days_of(30), granularity=Granularity.DAY, compare_with_previous=True)),
    "30 days until now, by day": Kind(_asking(_until_now, granularity=Granularity.DAY)),
    "30 days by day and model": Kind(_asking(_days_of(30), **_BY_MODEL_AND_DAY)),
    "a year by day and model": Kind(_asking(_year, **_BY_MODEL_AND_DAY)),
    "a year by month, latencies": Kind(_asking(_year, granularity=Granularity.MONTH, with_latencies=True)),
    "top 20 members of a month": Kind(_asking(_some_month, group_by=(Dimension.MEMBER,), order_by=Metric.TOKENS)),
    "top 20 members of 30 days": Kind(_asking(_days_of(30), group_by=(Dimension.MEMBER,))),
    "top 20 members of a year": Kind(_asking(_year, group_by=(Dimension.MEMBER,))),
    "top 20 keys of 30 days": Kind(_asking(_days_of(30), group_by=(Dimension.API_KEY,))),
    "top 20 keys of a year": Kind(_asking(_year, group_by=(Dimension.API_KEY,))),
    "top 20 groups of 30 days": Kind(_asking(_days_of(30), group_by=(Dimension.GROUP,))),
    "a group's 30 days by day and model": Kind(
        _asking(_days_of(30), reach=lambda chance: Reach(group=_group(chance)), **_BY_MODEL_AND_DAY)
    ),
    "a group's top 20 members of 30 days": Kind(
        _asking(_days_of(30), reach=lambda chance: Reach(group=_group(chance)), group_by=(Dimension.MEMBER,))
    ),
    "a member's year by day and model": Kind(
        _asking(_year, reach=lambda chance: Reach(member=_member(chance)), **_BY_MODEL_AND_DAY)
    ),
    "a key's 30 days by day": Kind(
        _asking(
            _days_of(30),
            kept=lambda chance: Filter(api_keys=frozenset({f"key-{_member(chance)}-0"})),
            granularity=Granularity.DAY,
        )
    ),
    "a week by hour": Kind(_asking(_days_of(7), granularity=Granularity.HOUR), is_standard=False),
    "30 days by provider": Kind(_asking(_days_of(30), group_by=(Dimension.PROVIDER,)), is_standard=False),
    "top 20 members of 90 days": Kind(_asking(_days_of(90), group_by=(Dimension.MEMBER,)), is_standard=False),
    "30 days by a tag": Kind(_asking(_days_of(30), group_by=(TagDimension("project"),)), is_standard=False),
    "30 days of a tag, by model": Kind(
        _asking(
            _days_of(30),
            kept=lambda chance: Filter(tags=frozenset({("project", f"project-{chance.randrange(40)}")})),
            group_by=(Dimension.MODEL,),
        ),
        is_standard=False,
    ),
}
"""What each kind is, and how to ask it in a transaction that acts for the organization."""


def _listing(kept: Callable[[Chance], Filter], reach: Callable[[Chance], Reach] = lambda _chance: Reach()) -> Ask:
    async def ask(connection: Connection, chance: Chance) -> int:
        query = UsageQuery(ORGANIZATION, START, END, filter=kept(chance), reach=reach(chance))
        # Half of the pages are the first ones, and half begin anywhere.
        cursor = (START + chance.random() * (END - START), 0) if chance.random() < 0.5 else None
        return len((await read_calls(connection, query, PAGE, cursor)).rows)

    return ask


LISTS: Final[Mapping[str, Ask]] = {
    "all": _listing(lambda _chance: Filter()),
    "a frequent member": _listing(lambda _chance: Filter(members=frozenset({"mem-0"}))),
    "a rare member": _listing(
        lambda chance: Filter(members=frozenset({f"mem-{chance.randrange(MEMBERS * 9 // 10, MEMBERS)}"}))
    ),
    "a frequent key": _listing(lambda _chance: Filter(api_keys=frozenset({"key-sa-0-0"}))),
    "a rare key": _listing(
        lambda chance: Filter(api_keys=frozenset({f"key-mem-{chance.randrange(MEMBERS * 9 // 10, MEMBERS)}-1"}))
    ),
    "an account": _listing(lambda chance: Filter(members=frozenset({f"sa-{chance.randrange(ACCOUNTS)}"}))),
    "a group": _listing(lambda chance: Filter(groups=frozenset({_group(chance)}))),
    "a group's admin": _listing(lambda _chance: Filter(), lambda chance: Reach(group=_group(chance))),
    "a member, by themselves": _listing(lambda _chance: Filter(), lambda chance: Reach(member=_member(chance))),
    "a model": _listing(lambda chance: Filter(models=frozenset({f"model-{chance.randrange(MODELS)}"}))),
    "a provider": _listing(lambda chance: Filter(providers=frozenset({f"provider-{chance.randrange(6)}"}))),
    "an endpoint": _listing(lambda _chance: Filter(endpoints=frozenset({"embeddings"}))),
    "failed": _listing(lambda _chance: Filter(statuses=frozenset({"VOIDED"}))),
    "expired": _listing(lambda _chance: Filter(statuses=frozenset({"EXPIRED"}))),
    "a tag": _listing(lambda chance: Filter(tags=frozenset({("project", f"project-{chance.randrange(40)}")}))),
    "a member and a model": _listing(
        lambda chance: Filter(
            members=frozenset({_member(chance)}), models=frozenset({f"model-{chance.randrange(MODELS)}"})
        )
    ),
    "an unknown member": _listing(lambda _chance: Filter(members=frozenset({"unknown"}))),
    "an unknown key": _listing(lambda _chance: Filter(api_keys=frozenset({"unknown"}))),
    "an unknown model": _listing(lambda _chance: Filter(models=frozenset({"unknown"}))),
    "an unknown group": _listing(lambda _chance: Filter(groups=frozenset({"unknown"}))),
    "an unknown tag": _listing(lambda _chance: Filter(tags=frozenset({("project", "unknown")}))),
}
"""Pages of ListCalls by what their filter keeps."""
