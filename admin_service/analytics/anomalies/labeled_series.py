"""Reads series of spend from CSV files, and labels of their anomalies from JSON files.

A CSV file has either the columns `series`, `date` and `nano_credits`, one row for each day, or `timestamp` and `value`, as the
files of the Numenta Anomaly Benchmark (https://github.com/numenta/NAB), whose values are added up by day or hour. Labels are
either a list of `{"series", "start", "end", "kind", "credits"}` or, as in that benchmark, `{file: [[start, end], ...]}`.
"""

import csv
import datetime as dt
import gzip
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from gateway_core.model.anomalies.detector import Point

_OWN_COLUMNS: Final = ("series", "date", "nano_credits")
_BENCHMARK_COLUMNS: Final = ("timestamp", "value")
_LEAST_CREDITS: Final = 1.0
"""Smaller labeled events are left out."""
_ROWS_MAX: Final = 5_000_000
_BUCKETS_MAX: Final = 100_000
"""More than eleven years of hours."""


class UnreadableDataError(Exception):
    """A file has another form. The message says where."""


@dataclass(frozen=True, slots=True)
class Event:
    """A labeled anomaly. Both ends belong to it."""

    start: dt.datetime
    end: dt.datetime
    kind: str


Series = Mapping[str, Sequence[Point]]
Labels = Mapping[str, Sequence[Event]]


def read_series(path: Path, *, hourly: bool = False) -> dict[str, list[Point]]:
    """Returns the series of a CSV file, which may be compressed with gzip, without gaps and in order.

    Args:
        path: of the file. Its name is that of the series if it has no column for it.
        hourly: whether to add up by hour; only for a file with time stamps.

    Raises:
        UnreadableDataError: the file has another form, or too many rows.
        OSError: the file cannot be read.
    """
    amounts: dict[str, dict[dt.datetime, int]] = defaultdict(lambda: defaultdict(int))
    with _opened(path) as file:
        rows = csv.DictReader(file)
        columns = tuple(rows.fieldnames or ())
        if set(_OWN_COLUMNS) <= set(columns) and not hourly:
            names = _OWN_COLUMNS
        elif set(_BENCHMARK_COLUMNS) <= set(columns):
            names = ("", *_BENCHMARK_COLUMNS)
        else:
            wanted = "timestamp,value" if hourly else "series,date,nano_credits or timestamp,value"
            raise UnreadableDataError(
                f"{path}: has the columns {','.join(columns) or 'of no header'}; give it {wanted}"
            )
        for number, row in enumerate(rows, 2):
            if number > _ROWS_MAX:
                raise UnreadableDataError(f"{path}: has more than {_ROWS_MAX:,} rows; split it by series")
            series = row[names[0]] if names[0] else _series_name(path)
            start, amount = _point(row, names[1], names[2], f"{path}:{number}")
            amounts[series][_bucket(start, hourly=hourly)] += amount
    return {series: _without_gaps(found, path, hourly=hourly) for series, found in amounts.items()}


def read_labels(path: Path, series: Sequence[str]) -> dict[str, list[Event]]:
    """Returns the labeled events of some series. Events below one credit are left out.

    Raises:
        UnreadableDataError: the file has another form.
        OSError: the file cannot be read.
    """
    try:
        content = json.loads(_text(path))
        found = _own_labels(content) if isinstance(content, list) else _benchmark_labels(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableDataError(f"{path}: is no file of labels: {error!r}") from error
    return {name: found.get(name, []) for name in series}


def _own_labels(content: list[Mapping[str, Any]]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = defaultdict(list)
    for label in content:
        if float(label.get("credits", _LEAST_CREDITS)) >= _LEAST_CREDITS:
            event = Event(_time(label["start"]), _end(label["end"]), str(label.get("kind", "event")))
            found[label["series"]].append(event)
    return found


def _benchmark_labels(content: Mapping[str, Sequence[tuple[str, str]]]) -> dict[str, list[Event]]:
    return {
        _series_name(Path(name)): [Event(_time(start), _end(end), "window") for start, end in windows]
        for name, windows in content.items()
    }


def _time(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def _end(text: str) -> dt.datetime:
    """Returns the end of an event; of a date, the end of the day."""
    end = _time(text)
    return end if "T" in text or " " in text else end + dt.timedelta(days=1, microseconds=-1)


def _point(row: Mapping[str, str], time_column: str, value_column: str, place: str) -> tuple[dt.datetime, int]:
    try:
        start, amount = _time(row[time_column]), round(float(row[value_column]))
    except (ValueError, TypeError, OverflowError) as error:
        raise UnreadableDataError(f"{place}: {error}") from error
    if amount < 0:
        raise UnreadableDataError(f"{place}: the amount is {amount}; amounts are 0 or more")
    return start, amount


def _bucket(start: dt.datetime, *, hourly: bool) -> dt.datetime:
    return start.replace(hour=start.hour if hourly else 0, minute=0, second=0, microsecond=0)


def _without_gaps(amounts: Mapping[dt.datetime, int], path: Path, *, hourly: bool) -> list[Point]:
    step = dt.timedelta(hours=1) if hourly else dt.timedelta(days=1)
    first, last = min(amounts), max(amounts)
    if (last - first) / step > _BUCKETS_MAX:
        raise UnreadableDataError(
            f"{path}: the series from {first:%Y-%m-%d} to {last:%Y-%m-%d} has more than {_BUCKETS_MAX:,} buckets"
        )
    return [Point(start, amounts.get(start, 0)) for start in _starts(first, last, step)]


def _starts(first: dt.datetime, last: dt.datetime, step: dt.timedelta) -> Iterator[dt.datetime]:
    start = first
    while start <= last:
        yield start
        start += step


def _series_name(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".csv")


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _text(path: Path) -> str:
    with _opened(path) as file:
        return file.read()
