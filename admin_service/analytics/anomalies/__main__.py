"""Finds anomalies in a CSV file, and scores them if there are labels: `python -m admin_service.analytics.anomalies detect FILE`."""

import argparse
import datetime as dt
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from admin_service.analytics.anomalies.labeled_series import (
    Labels,
    Series,
    UnreadableDataError,
    read_labels,
    read_series,
)
from admin_service.analytics.anomalies.scoring import Measured, measure
from admin_service.analytics.anomalies.simple_rules import three_deviations, twice_the_weekly_mean
from gateway_core.model.anomalies.detector import Anomaly, Point, Settings, detect

_CREDIT = 10**9


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command. Returns 0, or 2 if a file cannot be read."""
    chosen = _parser().parse_args(arguments)
    try:
        series: dict[str, Sequence[Point]] = {}
        for file in chosen.files:
            series.update(read_series(file, hourly=chosen.hourly))
        labels = read_labels(chosen.labels, list(series)) if chosen.labels else None
    except (UnreadableDataError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    settings = replace(Settings(), least_excess=chosen.least_excess)
    if labels is None:
        _list(series, settings, hourly=chosen.hourly, as_json=chosen.json)
    else:
        _score(series, labels, settings, hourly=chosen.hourly, as_json=chosen.json)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m admin_service.analytics.anomalies", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    finding = commands.add_parser("detect", help="list anomalies, or score them with --labels")
    finding.add_argument("files", nargs="+", type=Path, metavar="FILE", help="CSV, also compressed with gzip")
    finding.add_argument("--labels", type=Path, metavar="FILE", help="JSON; print how well the anomalies agree with it")
    finding.add_argument("--hourly", action="store_true", help="judge hours instead of days")
    finding.add_argument(
        "--least-excess",
        type=int,
        default=Settings().least_excess,
        metavar="N",
        help="least nano-credits above the expected amount (default %(default)s)",
    )
    finding.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _list(series: Series, settings: Settings, *, hourly: bool, as_json: bool) -> None:
    found = [
        (name, anomaly)
        for name, points in sorted(series.items())
        for anomaly in detect(points, settings, hourly=hourly)
    ]
    if as_json:
        print(json.dumps([{"series": name, **_shown(anomaly)} for name, anomaly in found], default=str, indent=2))
        return
    width = max(len(name) for name in ("series", *series))
    print(f"{'series':<{width}}  {'start':<16}  {'actual':>16}  {'expected':>16}  {'usual up to':>16}  surprise")
    for name, anomaly in found:
        print(f"{name:<{width}}  {_row(anomaly)}")
    print(f"{len(found)} anomalies in {len(series)} series; amounts in credits")


def _shown(anomaly: Anomaly) -> dict[str, object]:
    return {name: value for name, value in asdict(anomaly).items() if name != "references"}


def _row(anomaly: Anomaly) -> str:
    amounts = (anomaly.actual, anomaly.expected, anomaly.highest_usual)
    columns = "  ".join(f"{amount / _CREDIT:>16,.6f}" for amount in amounts)
    return f"{anomaly.start:%Y-%m-%d %H:%M}  {columns}  {anomaly.surprise:>8.1f}"


def _score(series: Series, labels: Labels, settings: Settings, *, hourly: bool, as_json: bool) -> None:
    def own(points: Sequence[Point]) -> list[dt.datetime]:
        return [anomaly.start for anomaly in detect(points, settings, hourly=hourly)]

    step = dt.timedelta(hours=1) if hourly else dt.timedelta(days=1)
    rules = {
        "detector": own,
        "twice the mean of 7": twice_the_weekly_mean,
        "3 deviations of 28": three_deviations,
    }
    measured = {name: measure(series, labels, rule, step) for name, rule in rules.items()}
    if as_json:
        print(json.dumps({name: asdict(one) for name, one in measured.items()}, indent=2))
        return
    events = measured["detector"].score.events
    print(f"{len(series)} series, {events} events; intervals hold 95 % of {1_000:,} resamples of series")
    print(f"{'rule':<20}  {'precision':<19}  {'recall':<19}  {'false alarms':>12}  {'median delay':>12}")
    for name, one in measured.items():
        print(_score_row(name, one))
    kinds = ", ".join(f"{kind} {found}/{count}" for kind, (found, count) in measured["detector"].kinds.items())
    print(f"found by the detector: {kinds or 'nothing'}")


def _score_row(name: str, one: Measured) -> str:
    score = one.score
    delay = "-" if score.median_delay_days is None else f"{score.median_delay_days:.1f} days"
    precision = _share(score.precision, one.precision_interval)
    recall = _share(score.recall, one.recall_interval)
    return f"{name:<20}  {precision:<19}  {recall:<19}  {score.false_alarms:>12,}  {delay:>12}"


def _share(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if interval is None else f"{value:.3f} ({interval[0]:.2f}-{interval[1]:.2f})"


if __name__ == "__main__":
    sys.exit(main())
