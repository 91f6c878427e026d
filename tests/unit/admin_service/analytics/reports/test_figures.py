"""Figures are rounded half up, and never to a zero that is none."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from admin_service.analytics.language import Language
from admin_service.analytics.reports import figures

EN, ZH = Language.ENGLISH, Language.CHINESE


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "$0.00"), (10**9, "$1.00"), (1_234_567_895_000_000, "$1,234,567.90"), (5_000_000, "$0.01"), (4_999_999, "$0.005"),
     (4_499_999, "$0.004"), (1, "$0.000000001"), (-1_500_000_000, "\u2212$1.50"),
     (2**63 - 1, "$9,223,372,036.85")],
)  # fmt: skip
def test_money(amount: int, text: str) -> None:
    assert figures.money(amount) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "$0"),
        (50 * 10**9, "$50"),
        (2_500 * 10**9, "$2.5K"),
        (2 * 10**15, "$2M"),
        (20_000_000, "$0.02"),
        (1, "$0.000000001"),
    ],
)
def test_labels_of_an_axis(amount: int, text: str) -> None:
    assert figures.axis_money(amount) == text


@pytest.mark.parametrize(
    ("number", "english", "chinese"),
    [(0, "0", "0"), (999_999, "999,999", "999,999"), (1_000_000, "1.00 M", "100 万"), (1_234_567_890, "1.23 B", "12.3 亿"),
     (999_999_999, "1,000 M", "10.0 亿"), (97_149_000, "97.1 M", "9,715 万"), (5 * 10**12, "5.00 T", "5.00 万亿")],
)  # fmt: skip
def test_counts(number: int, english: str, chinese: str) -> None:
    assert (figures.short_count(number, EN), figures.short_count(number, ZH)) == (english, chinese)


@pytest.mark.parametrize(
    ("now", "before", "text"),
    [(0, 0, "\u2013"), (5, 0, "new"), (0, 5, "\u2212100.0%"), (110, 100, "+10.0%"),
     (10_005, 10_000, "+0.1%"), (10_004, 10_000, "0.0%"),
     (10**9, 1, ">+1,000%"), (100, 100, "0.0%"), (2**63, 2**63 - 1, "0.0%")],
)  # fmt: skip
def test_changes(now: int, before: int, text: str) -> None:
    assert figures.change(now, before, "new") == text


def test_shares() -> None:
    assert [figures.share(part, whole) for part, whole in ((1, 3), (0, 5), (5, 0), (-1, 8))] == [
        "33.3%", "0.0%", "\u2013", "\u221212.5%",
    ]  # fmt: skip


def test_periods_name_their_last_day() -> None:
    zone = ZoneInfo("Europe/Berlin")
    start, end = dt.datetime(2026, 10, 1, tzinfo=zone), dt.datetime(2026, 11, 1, tzinfo=zone)
    assert figures.period(start, end, EN) == "Oct 1, 2026 \u2013 Oct 31, 2026"
    assert figures.period(start, end, ZH) == "2026年10月1日至2026年10月31日"
    assert figures.period(start, start + dt.timedelta(days=1), EN) == "Oct 1, 2026"
    assert figures.period(start, start + dt.timedelta(hours=5), EN) == "Oct 1, 2026 00:00 \u2013 Oct 1, 2026 05:00"


def test_days_in_a_row_are_named_by_the_first_and_the_last() -> None:
    first, last = dt.date(2026, 12, 30), dt.date(2026, 12, 31)
    assert figures.days(first, first, EN) == "Dec 30, 2026"
    assert figures.days(first, last, EN) == "Dec 30 \u2013 Dec 31, 2026"
    assert figures.days(first, last, ZH) == "2026年12月30日至12月31日"
    assert figures.days(first, dt.date(2027, 1, 1), EN) == "Dec 30, 2026 \u2013 Jan 1, 2027"
