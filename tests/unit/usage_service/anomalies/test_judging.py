"""Judging a scope: what people say about its anomalies counts from then on."""

import datetime as dt
from collections.abc import Callable

from gateway_core.model.organization.scopes import Scope, ScopeKind
from usage_service.anomalies.judging import Series, Verdicts, judge_days, judge_hours

FIRST, END = dt.date(2026, 1, 5), dt.date(2026, 6, 1)
CREDIT = 10**9
NO_VERDICTS = Verdicts()
NO_SPEND = Series(Scope(ScopeKind.ORGANIZATION, "acme"))


def series(amount: Callable[[dt.date], int]) -> Series:
    days = (FIRST + dt.timedelta(days=number) for number in range((END - FIRST).days))
    return Series(Scope(ScopeKind.MEMBER, "mia"), {day: amount(day) for day in days if amount(day)})


def ordinary(day: dt.date) -> int:
    return (2 + day.toordinal() % 3) * CREDIT if day.weekday() < 5 else 0


def days(found: Series, verdicts: Verdicts = NO_VERDICTS, whole: Series | None = None) -> list[dt.date]:
    return [one.day for one in judge_days(found, END, verdicts, whole or NO_SPEND)]


def test_an_extraordinary_day_is_found_with_what_it_was_compared_with() -> None:
    burst = dt.date(2026, 5, 20)
    (found,) = judge_days(series(lambda day: 90 * CREDIT if day == burst else ordinary(day)), END, Verdicts(), NO_SPEND)
    assert (found.day, found.actual) == (burst, 90 * CREDIT)
    assert 2 * CREDIT <= found.expected <= 4 * CREDIT
    assert found.lowest_usual < found.expected < found.highest_usual < found.actual
    assert burst not in {one.date() for one in found.references}
    assert all(one.weekday() < 5 for one in found.references)


def test_days_without_calls_at_the_end_are_judged_too() -> None:
    assert days(series(lambda day: ordinary(day) if day < dt.date(2026, 3, 1) else 0)) == []


def test_a_planned_level_never_becomes_the_usual_one() -> None:
    start = dt.date(2026, 4, 1)
    risen = series(
        lambda day: 60 * CREDIT if day.weekday() < 5 and start <= day < dt.date(2026, 4, 24) else ordinary(day)
    )
    again = Series(risen.scope, {**risen.charges, dt.date(2026, 5, 20): 60 * CREDIT})
    planned = Verdicts(planned=frozenset(start + dt.timedelta(days=one) for one in range(23)))
    assert dt.date(2026, 5, 20) not in days(again)
    assert dt.date(2026, 5, 20) in days(again, planned)


def test_a_false_alarm_teaches_and_raises_the_bar() -> None:
    first, second = dt.date(2026, 3, 11), dt.date(2026, 5, 20)
    bursts = series(lambda day: 35 * CREDIT if day in {first, second} else ordinary(day))
    assert days(bursts) == [first, second]
    assert days(bursts, Verdicts(wrong=frozenset({first}))) == []


def test_after_many_false_alarms_the_largest_days_are_still_found() -> None:
    wrong = frozenset(dt.date(2026, 3, 9) + dt.timedelta(days=one) for one in range(9))
    assert Verdicts(wrong=wrong).bar == 2
    burst = dt.date(2026, 5, 20)
    assert days(series(lambda day: 900 * CREDIT if day == burst else ordinary(day)), Verdicts(wrong=wrong)) == [burst]
    small = series(lambda day: 40 * CREDIT if day == burst else ordinary(day))
    assert days(small) == [burst]
    assert days(small, Verdicts(wrong=wrong)) == []


def test_what_does_not_matter_to_the_organization_is_not_reported() -> None:
    burst = dt.date(2026, 5, 20)
    unusual = series(lambda day: 90 * CREDIT if day == burst else ordinary(day))
    whole = series(lambda day: 4_000 * CREDIT if day.weekday() < 5 else 0)
    assert days(unusual, whole=whole) == [burst]
    larger = series(lambda day: 5_000 * CREDIT if day.weekday() < 5 else 0)
    assert days(unusual, whole=larger) == []


def test_a_group_is_steadier_than_a_person() -> None:
    burst = dt.date(2026, 5, 20)
    person = series(lambda day: 21 * CREDIT if day == burst else ordinary(day))
    assert days(person) == []
    assert days(Series(Scope(ScopeKind.GROUP, "web"), person.charges)) == [burst]


def test_an_hour_of_the_running_day_is_found_at_once() -> None:
    today = dt.date(2026, 5, 20)
    start = dt.datetime(2026, 3, 25)  # noqa: DTZ001 - on the clocks
    hours = {
        hour: CREDIT
        for hour in (start + dt.timedelta(hours=number) for number in range(24 * 56))
        if hour.weekday() < 5 and 8 <= hour.hour < 17
    }
    at = dt.datetime(2026, 5, 20, 3)  # noqa: DTZ001
    end = dt.datetime(2026, 5, 20, 4)  # noqa: DTZ001
    assert judge_hours(hours, today, end, Verdicts(), 0) is None
    found = judge_hours({**hours, at: 40 * CREDIT}, today, end, Verdicts(), 0)
    assert found is not None
    assert (found.start, found.day, found.actual) == (at, today, 40 * CREDIT)
    assert judge_hours({**hours, at: 40 * CREDIT}, today, end, Verdicts(), 40 * CREDIT) is None
    yesterday = at - dt.timedelta(days=1)
    assert judge_hours({**hours, yesterday: 40 * CREDIT}, today, end, Verdicts(), 0) is None
