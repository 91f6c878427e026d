"""Series and labels of both forms are read, and everything else is refused with its place."""

import datetime as dt
import gzip
import json
from pathlib import Path

import pytest

from admin_service.analytics.anomalies.labeled_series import Event, UnreadableDataError, read_labels, read_series
from gateway_core.model.anomalies.detector import Point


def day(number: int) -> dt.datetime:
    return dt.datetime(2026, 1, number, tzinfo=dt.UTC)


def test_missing_days_are_days_without_spend(tmp_path: Path) -> None:
    file = tmp_path / "spend.csv"
    file.write_text("series,date,nano_credits\na,2026-01-03,5\na,2026-01-01,7\nb,2026-01-01,1\n")
    assert read_series(file) == {
        "a": [Point(day(1), 7), Point(day(2), 0), Point(day(3), 5)],
        "b": [Point(day(1), 1)],
    }


def test_time_stamps_are_added_up_by_day_or_hour(tmp_path: Path) -> None:
    file = tmp_path / "taxi.csv.gz"
    with gzip.open(file, "wt") as rows:
        rows.write("timestamp,value\n2026-01-01 00:00:00,1\n2026-01-01 00:30:00,2\n2026-01-01 01:00:00,4\n")
    assert read_series(file) == {"taxi": [Point(day(1), 7)]}
    assert read_series(file, hourly=True) == {"taxi": [Point(day(1), 3), Point(day(1).replace(hour=1), 4)]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "of no header"),
        ("a,b\n1,2\n", "has the columns a,b"),
        ("series,date,nano_credits\na,tomorrow,1\n", ":2: Invalid isoformat"),
        ("series,date,nano_credits\na,2026-01-01,1\na,2026-01-02,much\n", ":3: could not convert"),
        ("series,date,nano_credits\na,2026-01-01,-1\n", ":2: the amount is -1"),
        ("series,date,nano_credits\na,2026-01-01,inf\n", ":2: cannot convert"),
        ("timestamp,value\n1900-01-01,1\n2300-01-01,1\n", ": the series from 1900-01-01"),
    ],
)
def test_another_form_is_refused_with_its_place(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "x.csv"
    file.write_text(content)
    with pytest.raises(UnreadableDataError, match=message):
        read_series(file)


def test_labels_have_kinds_and_their_last_day_belongs_to_them(tmp_path: Path) -> None:
    file = tmp_path / "labels.json"
    labels = [
        {"series": "a", "start": "2026-01-02", "end": "2026-01-03", "kind": "theft", "credits": 5},
        {"series": "a", "start": "2026-01-05", "end": "2026-01-05", "kind": "spike", "credits": 0.5},
    ]
    file.write_text(json.dumps(labels))
    end = dt.datetime(2026, 1, 3, 23, 59, 59, 999_999, tzinfo=dt.UTC)
    assert read_labels(file, ["a", "b"]) == {"a": [Event(day(2), end, "theft")], "b": []}


def test_labels_of_the_benchmark_are_found_by_the_name_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "windows.json"
    file.write_text(
        json.dumps({"realKnownCause/taxi.csv": [["2026-01-01 10:00:00.000000", "2026-01-02 00:00:00.000000"]]})
    )
    assert read_labels(file, ["taxi"]) == {"taxi": [Event(day(1).replace(hour=10), day(2), "window")]}


@pytest.mark.parametrize("content", ["", "[1]", '{"a": 1}', '[{"series": "a"}]', "{}extra"])
def test_other_labels_are_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "labels.json"
    file.write_text(content)
    with pytest.raises(UnreadableDataError, match="is no file of labels"):
        read_labels(file, ["a"])
