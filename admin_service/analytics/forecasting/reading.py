"""Reads what a forecast needs: the spend of past days, and how a day's spend is spread over its hours."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final
from zoneinfo import ZoneInfo

from admin_service.analytics.answer import AsOf, UsageAnswer
from admin_service.analytics.forecasting.forecast import WINDOW_DAYS, History, Rest
from admin_service.analytics.forecasting.hour_profiles import HourProfiles, Profile
from admin_service.analytics.query import Filter, Granularity, UsageQuery
from admin_service.analytics.reading import answer_in, position_of
from admin_service.analytics.time_ranges import period_of, periods_before
from gateway_core.stores.postgres.connections import Connection

_PROFILE_DAYS: Final = 7
_HOURS: Final = 24
_EVEN_SHARE: Final = 0.05
"""The share of a day's spend that is expected to be spread evenly, whatever the past days say."""


@dataclass(frozen=True, slots=True)
class Past:
    """The past of a scope, as a forecast needs it."""

    history: History
    by_hour: Sequence[int]
    """What the last week spent in each hour on the clocks."""
    zone: ZoneInfo
    as_of: AsOf


async def read_past(
    connection: Connection, organization: str, kept: Filter, now: dt.datetime, profiles: HourProfiles
) -> Past:
    """Reads the past of the calls that a filter keeps, in a transaction as for `answer_in`.

    The profile of a week is read again once a day of it has another spend.

    Raises:
        UnknownOrganizationError: there is no such organization.
    """
    total = UsageQuery(organization, now - dt.timedelta(days=1), now, filter=kept, only_charge=True)
    _, zone, _ = await position_of(connection, total)
    today = period_of(Granularity.DAY, zone, now).start
    first = periods_before(Granularity.DAY, zone, today, WINDOW_DAYS)
    by_day = await answer_in(connection, replace(total, start=first, end=today, granularity=Granularity.DAY))
    profile_start = periods_before(Granularity.DAY, zone, today, _PROFILE_DAYS)
    week = replace(total, start=profile_start, end=today, granularity=Granularity.HOUR)
    amounts = _amounts(by_day)
    by_hour = await profiles.get(
        (organization, kept, profile_start, zone.key, *amounts[-_PROFILE_DAYS:]),
        lambda: _by_hour(connection, week, zone),
    )
    history = History(first.astimezone(zone).date(), amounts)
    return Past(history, by_hour, zone, by_day.as_of)


async def _by_hour(connection: Connection, week: UsageQuery, zone: ZoneInfo) -> Profile:
    by_hour = [0] * _HOURS
    answer = await answer_in(connection, week)
    for bucket, amount in zip(answer.buckets, _amounts(answer), strict=True):
        by_hour[bucket.start.astimezone(zone).hour] += max(0, amount)
    return by_hour


def rests_until(end: dt.datetime, now: dt.datetime, zone: ZoneInfo, by_hour: Sequence[int]) -> list[Rest]:
    """Returns what remains until an instant: the rest of the running day, and the days after it.

    Args:
        end: first instant after what remains.
        now: the running instant.
        zone: decides where days begin.
        by_hour: how a day's spend is spread over the hours on the clocks. Without any, it is spread evenly.
    """
    rests, at = [], now
    while at < end:
        day = period_of(Granularity.DAY, zone, at)
        until = min(day.end, end)
        share = 1.0 if (at, until) == (day.start, day.end) else _share(by_hour, zone, at, until)
        rests.append(Rest(at, until, at.astimezone(zone).date(), share))
        at = day.end
    return rests


def _share(by_hour: Sequence[int], zone: ZoneInfo, start: dt.datetime, end: dt.datetime) -> float:
    """Returns the share of a day's spend that the hours from an instant to another one of the same day have."""
    total = sum(by_hour)
    share = 0.0
    for hour, hours in _hours(zone, start, end):
        of_hour = by_hour[hour] / total if total else 1 / _HOURS
        share += hours * (_EVEN_SHARE / _HOURS + (1 - _EVEN_SHARE) * of_hour)
    return min(share, 1.0)


def _hours(zone: ZoneInfo, start: dt.datetime, end: dt.datetime) -> Iterator[tuple[int, float]]:
    """Yields the hours on the clocks in a part of a day, and how much of each is in it."""
    at = start
    while at < end:
        hour = period_of(Granularity.HOUR, zone, at)
        until = min(hour.end, end)
        yield hour.start.astimezone(zone).hour, (until - at) / dt.timedelta(hours=1)
        at = until


def _amounts(answer: UsageAnswer) -> list[int]:
    return [measures.charge_nano_credits for measures in answer.groups[0].series]
