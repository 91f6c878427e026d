"""The two rules that dashboards usually have, to compare the detector with."""

import datetime as dt
import statistics
from collections.abc import Sequence
from typing import Final

from gateway_core.model.anomalies.detector import Point

_WEEK: Final = 7
_FOUR_WEEKS: Final = 28
_DEVIATIONS: Final = 3


def twice_the_weekly_mean(points: Sequence[Point]) -> list[dt.datetime]:
    """Returns the buckets above twice the mean of the seven before."""
    return [
        point.start
        for index, point in enumerate(points)
        if index >= _WEEK and point.amount > 2 * statistics.fmean(_amounts(points, index, _WEEK))
    ]


def three_deviations(points: Sequence[Point]) -> list[dt.datetime]:
    """Returns the buckets more than three standard deviations above the mean of the 28 before."""
    found = []
    for index, point in enumerate(points):
        if index >= _FOUR_WEEKS:
            before = _amounts(points, index, _FOUR_WEEKS)
            if point.amount > statistics.fmean(before) + _DEVIATIONS * statistics.pstdev(before):
                found.append(point.start)
    return found


def _amounts(points: Sequence[Point], index: int, count: int) -> list[int]:
    return [point.amount for point in points[index - count : index]]
