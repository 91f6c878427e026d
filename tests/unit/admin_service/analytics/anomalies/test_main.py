"""The command lists anomalies, scores them by labels, and says which file it cannot read."""

import json
from pathlib import Path

import pytest

from admin_service.analytics.anomalies.__main__ import main


@pytest.fixture
def spend(tmp_path: Path) -> Path:
    """Thirty days of one credit, but 40 on the twentieth."""
    amounts = [40 if day == 20 else 1 for day in range(1, 31)]
    rows = [f"mia,2026-01-{day:02},{amount * 10**9}" for day, amount in enumerate(amounts, 1)]
    file = tmp_path / "spend.csv"
    file.write_text("\n".join(["series,date,nano_credits", *rows, ""]))
    return file


def test_it_lists_what_is_out_of_the_ordinary(spend: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detect", str(spend)]) == 0
    header, row, total = capsys.readouterr().out.splitlines()
    assert header.split() == ["series", "start", "actual", "expected", "usual", "up", "to", "surprise"]
    assert row.split()[:5] == ["mia", "2026-01-20", "00:00", "40.000000", "1.000000"]
    assert len(header) == len(row)
    assert total == "1 anomalies in 1 series; amounts in credits"


def test_it_prints_json(spend: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detect", str(spend), "--json"]) == 0
    (anomaly,) = json.loads(capsys.readouterr().out)
    assert (anomaly["series"], anomaly["start"], anomaly["actual"]) == ("mia", "2026-01-20 00:00:00+00:00", 40 * 10**9)


def test_it_scores_the_detector_beside_simple_rules(
    spend: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps([{"series": "mia", "start": "2026-01-20", "end": "2026-01-20", "kind": "theft"}]))
    assert main(["detect", str(spend), "--labels", str(labels), "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert list(measured) == ["detector", "twice the mean of 7", "3 deviations of 28"]
    assert measured["detector"]["score"] == {
        "precision": 1.0, "recall": 1.0, "median_delay_days": 0.0, "false_alarms": 0, "events": 1,
    }  # fmt: skip
    assert measured["detector"]["kinds"] == {"theft": [1, 1]}
    assert main(["detect", str(spend), "--labels", str(labels)]) == 0
    assert "1.000 (1.00-1.00)" in capsys.readouterr().out


def test_it_names_a_file_that_it_cannot_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detect", str(tmp_path / "none.csv")]) == 2
    assert "none.csv" in capsys.readouterr().err
    other = tmp_path / "other.csv"
    other.write_text("a,b\n")
    assert main(["detect", str(other)]) == 2
    assert capsys.readouterr().err.startswith("error: ")
