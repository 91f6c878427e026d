"""The traffic of the demo company follows the calendar, the seed, and the plan."""

import datetime as dt
import random
from collections import Counter
from zoneinfo import ZoneInfo

import pytest

from deploy.local.demo_data.company import make_company
from deploy.local.demo_data.traffic import RUNAWAY_DAYS, THEFT_DAYS, Span, Traffic, easter, season

SPAN = Span(dt.date(2026, 3, 1), dt.date(2026, 7, 1), ZoneInfo("Europe/Berlin"))


def traffic(seed: int, calls: int = 6_000) -> Traffic:
    company = make_company(random.Random(seed), SPAN.first, SPAN.end, SPAN.end - dt.timedelta(days=THEFT_DAYS))
    return Traffic(company, SPAN, calls, random.Random(seed))


@pytest.mark.parametrize(("year", "day"), [(2024, (3, 31)), (2025, (4, 20)), (2026, (4, 5)), (2027, (3, 28))])
def test_easter(year: int, day: tuple[int, int]) -> None:
    assert easter(year) == dt.date(year, *day)


def test_few_work_on_holidays() -> None:
    assert season(dt.date(2026, 4, 6)) == season(dt.date(2026, 5, 1)) == season(dt.date(2026, 12, 25)) < 0.1
    assert season(dt.date(2026, 6, 16)) == 1


def test_a_company_has_two_hundred_people_of_distinct_names() -> None:
    company = make_company(random.Random(1), SPAN.first, SPAN.end, SPAN.end)
    people = [caller for caller in company.callers if not caller.is_service_account and not caller.is_seeded]
    assert len(people) == len({person.member_id for person in people}) == 189
    assert {len(caller.path_on(SPAN.first)) for caller in company.callers} == {0, 1, 2, 3, 4}
    assert any(person.left for person in people)
    assert any(person.joined > SPAN.first for person in people)
    assert any(len(person.places) == 2 for person in people)


def test_the_calls_are_those_of_the_plan() -> None:
    made = traffic(1)
    days = {day: made.of_day(day) for day in SPAN.days()}
    assert sum(map(len, days.values())) == pytest.approx(6_000, rel=0.06)
    for day, drafts in days.items():
        moments = [draft.placed_epoch_us for draft in drafts]
        assert moments == sorted(moments)
        assert all(SPAN.epoch_us(day) <= moment < SPAN.epoch_us(day + dt.timedelta(days=1)) for moment in moments)
    by_weekday = Counter({day: len(drafts) for day, drafts in days.items()})
    saturday = dt.date(2026, 6, 20)
    assert by_weekday[saturday] < 0.7 * by_weekday[saturday - dt.timedelta(days=2)]
    runaway = [
        one for one in days[SPAN.end - dt.timedelta(days=RUNAWAY_DAYS)] if one.caller.member_id == "sa-code-review"
    ]
    assert sum(one.use.input_tokens == 30_000 for one in runaway) == 24


def test_a_seed_decides_everything() -> None:
    first, again, other = traffic(1), traffic(1), traffic(2)
    days = [SPAN.first + dt.timedelta(days=number) for number in range(5)]
    assert [first.of_day(day) for day in days] == (drafts := [again.of_day(day) for day in days])
    assert drafts != [other.of_day(day) for day in days]
