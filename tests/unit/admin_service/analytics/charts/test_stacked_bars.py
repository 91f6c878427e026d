"""Charts show the values that they were given."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin_service.analytics.charts.stacked_bars import MAX_TICKS, Series, StackedBars, largest_and_others, nice_ticks
from admin_service.analytics.charts.svg import Size, draw_stacked_bars


@given(st.integers(min_value=1, max_value=2**63))
def test_ticks_are_round_and_reach_the_highest_value(highest: int) -> None:
    ticks = nice_ticks(highest)
    step = ticks[1]
    assert ticks == tuple(step * number for number in range(len(ticks)))
    assert ticks[-2] < highest <= ticks[-1]
    assert 2 <= len(ticks) <= MAX_TICKS + 1
    assert re.fullmatch("[125]0*", str(step))


def test_without_values_there_is_one_tick() -> None:
    assert nice_ticks(0) == nice_ticks(-5) == (0,)


def test_the_rest_is_added_up() -> None:
    series = [Series(name, (value, 1)) for name, value in (("a", 9), ("b", 5), ("c", 3))]
    assert largest_and_others(series, 3, "others") == tuple(series)
    assert largest_and_others(series, 2, "others") == (series[0], Series("others", (8, 2)))


@pytest.mark.parametrize("values", [((3, 1), (1, 0)), ((0, 0), (0, 0)), ((-2, 5), (4, -1))])
def test_segments_are_as_high_as_their_values(values: tuple[tuple[int, int], tuple[int, int]]) -> None:
    chart = StackedBars(("<a>", ""), tuple(Series(f"{place}", one) for place, one in enumerate(values)))
    svg = draw_stacked_bars(chart, ["#000001", "#000002"], Size(240, 122), "Inter", str)
    top = nice_ticks(chart.highest)[-1]
    for place, color in enumerate(("#000001", "#000002")):
        found = re.search(f'<path d="([^"]+)" fill="{color}"/>', svg)
        bars = re.findall(r"M[\d.]+ ([\d.]+)V([\d.]+)h", found[1]) if found else []
        heights = [round((float(low) - float(high)) / 100 * top, 2) for low, high in bars]
        assert heights == [value for value in values[place] if value > 0]
    assert "&lt;a&gt;" in svg
    assert "<a>" not in svg


def test_the_label_of_the_last_bar_ends_with_the_drawing() -> None:
    """Seen to fail: the last day of a month was cut off."""
    chart = StackedBars(("Nov 1", *("",) * 29, "Dec 1"), (Series("a", (1,) * 31),))
    svg = draw_stacked_bars(chart, ["#000001"], Size(240, 122), "Inter", str)
    assert re.findall(r'<text x="([\d.]+)" y="118" text-anchor="(\w+)"[^>]*>(\w+ \w+)<', svg) == [
        ("43.23", "middle", "Nov 1"),
        ("240", "end", "Dec 1"),
    ]
