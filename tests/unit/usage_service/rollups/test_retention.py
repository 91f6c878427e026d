import datetime as dt

import pytest

from usage_service.rollups.retention import first_kept_month


@pytest.mark.parametrize(
    ("now", "months", "first"),
    [("2026-06-03", 14, "2025-04-01"), ("2026-01-31", 1, "2025-12-01"), ("2026-12-01", 24, "2024-12-01")],
)
def test_the_running_month_and_whole_months_before_it_are_kept(now: str, months: int, first: str) -> None:
    instant, expected = (dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC) for text in (now, first))
    assert first_kept_month(instant, months) == expected
