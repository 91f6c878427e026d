import datetime as dt
import email.utils

import pytest

from notification_service.outbox.schedule import (
    DISABLED_AFTER_S,
    LONGEST_OF_CHATS_S,
    LONGEST_S,
    MAX_RETRY_AFTER_S,
    Waiting,
    disables,
    pause_after,
    retry_after_s,
)

NOW = dt.datetime(2026, 11, 3, 12, tzinfo=dt.UTC)
MIDDLE = 0.5
"""The random number without effect."""


def pauses(random: float, *, is_chat: bool) -> list[float]:
    """The pauses of a delivery whose attempts all fail at once."""
    found: list[float] = []
    while (pause := pause_after(Waiting(len(found) + 1, sum(found), is_chat), 0, random)) is not None:
        found.append(pause)
    return found


def test_callbacks_are_tried_for_three_days() -> None:
    found = pauses(MIDDLE, is_chat=False)
    assert found[:8] == [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000, 36_000]
    assert sum(found) == LONGEST_S


def test_chats_are_tried_for_a_day() -> None:
    assert sum(pauses(MIDDLE, is_chat=True)) == LONGEST_OF_CHATS_S


@pytest.mark.parametrize(("random", "expected"), [(0.0, 240), (MIDDLE, 300), (1.0, 360)])
def test_pauses_are_spread_by_a_fifth(random: float, expected: float) -> None:
    assert pause_after(Waiting(2, 5, is_chat=False), 0, random) == pytest.approx(expected)


@pytest.mark.parametrize("random", [0.0, 0.999])
def test_the_time_ends_wherever_the_pauses_fall(random: float) -> None:
    assert sum(pauses(random, is_chat=False)) == pytest.approx(LONGEST_S)


def test_a_server_may_ask_for_more_time_but_not_for_less_or_for_ever() -> None:
    assert pause_after(Waiting(1, 0, is_chat=False), 120, MIDDLE) == 120
    assert pause_after(Waiting(3, 400, is_chat=False), 1, MIDDLE) == 1_800
    assert pause_after(Waiting(1, 0, is_chat=False), 10**9, MIDDLE) == MAX_RETRY_AFTER_S


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("120", 120),
        (" 7 ", 7),
        (email.utils.format_datetime(NOW + dt.timedelta(minutes=2), usegmt=True), 120),
        (email.utils.format_datetime(NOW - dt.timedelta(minutes=2), usegmt=True), 0),
        ("9" * 400, MAX_RETRY_AFTER_S),
        ("", 0),
        ("-5", 0),
        ("soon", 0),
        ("١٢", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, expected: float) -> None:
    assert retry_after_s(header, NOW) == expected


def test_a_channel_is_disabled_after_five_days_of_failures() -> None:
    assert not disables(None, NOW)
    assert not disables(NOW - dt.timedelta(seconds=DISABLED_AFTER_S - 1), NOW)
    assert disables(NOW - dt.timedelta(days=5), NOW)
