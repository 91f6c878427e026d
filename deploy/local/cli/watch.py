"""The live page of `./dev status --watch`, computed from the services' metrics over the last few seconds."""

import math
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from megarouter_envoy.settings.variables import HOST
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Group, RenderableType
from rich.table import Table

from deploy.local.stack.layout import SERVICES, Ports

_TIMEOUT_S: Final = 1.0
_WINDOW_SAMPLES: Final = 6
"""Rates are averaged over five intervals, because rates over a single interval jump."""
_MAX_PAGE_BYTES: Final = 4 * 1024 * 1024

Labels = frozenset[tuple[str, str]]
Figures = Mapping[tuple[str, Labels], float]


@dataclass(frozen=True)
class Sample:
    """The metrics of all services at one moment. A service that did not answer is missing."""

    time_s: float
    """On the monotonic clock."""
    figures: Mapping[str, Figures]
    """By service."""


def read_figures(page: str) -> Figures:
    """Parses a page in Prometheus' text format. Returns its values by metric name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def take_sample(ports: Ports) -> Sample:
    """Reads the metrics of every process, one after another, with a timeout of one second each."""
    figures: dict[str, dict[tuple[str, Labels], float]] = {}
    for service in SERVICES:
        for worker in ports.workers_of(service):
            page = read_page(f"http://{HOST}:{ports.metrics(service, worker)}/metrics")
            if page is not None:
                figures.setdefault(service, {}).update(of_worker(read_figures(page), worker))
    return Sample(time.monotonic(), figures)


def of_worker(figures: Figures, worker: int) -> Figures:
    """Adds the label `worker`, which keeps the series of workers apart, because each worker can restart alone."""
    label = frozenset({("worker", str(worker))})
    return {(name, labels | label): value for (name, labels), value in figures.items()}


def read_page(url: str) -> str | None:
    """Returns a page of metrics, or None if nothing answers within a second."""
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - on this machine
            return str(answer.read(_MAX_PAGE_BYTES).decode())
    except (OSError, urllib.error.URLError):
        return None


class Window:
    """The last six samples, and the figures computed from them."""

    def __init__(self) -> None:
        self._samples: list[Sample] = []

    def add(self, sample: Sample) -> None:
        """Adds a sample and drops the oldest one if there are more than six."""
        self._samples = [*self._samples, sample][-_WINDOW_SAMPLES:]

    def rate(self, service: str, name: str, **labels: str) -> float | None:
        """Returns the rise of a counter per second, summed over all series with these labels.

        None with fewer than two samples of the service, or if it is missing in the latest.
        """
        ends = self._ends(service)
        if ends is None:
            return None
        first, last, duration_s = ends
        return sum(_rises(first, last, name, labels).values()) / duration_s

    def latest(self, service: str, name: str, **labels: str) -> float | None:
        """Returns the latest value of a metric, summed over all series with these labels. None if there is no such series."""
        figures = self._samples[-1].figures.get(service) if self._samples else None
        found = [value for (_, value) in _bearing(figures or {}, name, labels)]
        return sum(found) if found else None

    def lowest(self, service: str, name: str, **labels: str) -> float | None:
        """Returns the lowest latest value among the series with these labels. None if there is no such series."""
        figures = self._samples[-1].figures.get(service) if self._samples else None
        return min((value for (_, value) in _bearing(figures or {}, name, labels)), default=None)

    def quantile(self, service: str, name: str, share: float) -> float | None:
        """Returns the bucket bound at which this share (0 to 1) of a histogram's new observations is reached. None without any."""
        ends = self._ends(service)
        if ends is None:
            return None
        buckets: dict[float, float] = {}
        for labels, rise in _rises(ends[0], ends[1], f"{name}_bucket", {}).items():
            bound = float(dict(labels)["le"])
            buckets[bound] = buckets.get(bound, 0.0) + rise
        return quantile_of(sorted(buckets.items()), share)

    def _ends(self, service: str) -> tuple[Figures, Figures, float] | None:
        known = [sample for sample in self._samples if service in sample.figures]
        if len(known) < 2 or known[-1] is not self._samples[-1]:
            return None
        return known[0].figures[service], known[-1].figures[service], known[-1].time_s - known[0].time_s


def quantile_of(buckets: Sequence[tuple[float, float]], share: float) -> float | None:
    """Returns the upper bound of the bucket in which the share is reached, or None without observations.

    Args:
        buckets: upper bounds, ascending, each with the number of observations at or below it.
        share: 0 to 1.
    """
    if not buckets or buckets[-1][1] <= 0:
        return None
    wanted = share * buckets[-1][1]
    return next(bound for bound, count in buckets if count >= wanted)


def _bearing(figures: Figures, name: str, labels: Mapping[str, str]) -> Iterator[tuple[Labels, float]]:
    wanted = frozenset(labels.items())
    return ((found, value) for (found_name, found), value in figures.items() if found_name == name and wanted <= found)


def _rises(first: Figures, last: Figures, name: str, labels: Mapping[str, str]) -> dict[Labels, float]:
    """Returns the rise of each counter. A counter that is lower than before was reset when its process restarted."""
    rises: dict[Labels, float] = {}
    for found, value in _bearing(last, name, labels):
        before = first.get((name, found), 0.0)
        rises[found] = value - before if value >= before else value
    return rises


def live_page(window: Window) -> RenderableType:
    """Returns tables of calls, settlement and processes. A dash stands for an unknown value."""
    return Group(_calls(window), "", _settlement(window), "", _processes(window))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", no_wrap=True)
    return table


def _calls(window: Window) -> Table:
    decisions = "megarouter_authz_decisions_total"
    table = _table("calls", "per second", "decision p50", "p99")
    median, high = (window.quantile("authz", "megarouter_authz_duration_seconds", share) for share in (0.5, 0.99))
    table.add_row("decided", _number(window.rate("authz", decisions)), _bound(median), _bound(high))
    for decision in ("allowed", "denied"):
        rate = window.rate("authz", decisions, megarouter_authz_decision=decision)
        table.add_row(decision, _number(rate), "", "")
    over = window.rate("ratelimit", "megarouter_ratelimit_decisions_total", megarouter_ratelimit_decision="OVER_LIMIT")
    table.add_row("over a rate limit", _number(over), "", "")
    return table


def _settlement(window: Window) -> Table:
    table = _table("settlement", "now")
    lag = window.quantile("usage", "megarouter_settlement_lag_seconds", 0.99)
    rows = (
        ("calls per second", _number(window.rate("usage", "megarouter_settlement_calls_total"))),
        ("lag p99", _bound(lag)),
        ("reports waiting", _number(window.latest("usage", "megarouter_settlement_queue"))),
        ("journal not yet read", _bytes(window.latest("usage", "megarouter_journal_lag_bytes"))),
        ("open holds", _number(window.latest("usage", "megarouter_holds_open"))),
        ("oldest open hold", _seconds(window.latest("usage", "megarouter_holds_oldest_age_seconds"))),
        ("credits per second", _number(window.rate("usage", "megarouter_settlement_charge_total"), 6)),
    )
    for row in rows:
        table.add_row(*row)
    return table


def _processes(window: Window) -> Table:
    table = _table("process", "CPU", "memory", "postgres", "redis")
    for service in SERVICES:
        cpu = window.rate(service, "process_cpu_seconds_total")
        dependencies = (
            window.lowest(service, "megarouter_dependency_up", megarouter_dependency_name=name)
            for name in ("postgres", "redis")
        )
        table.add_row(
            f"{service}_service",
            "-" if cpu is None else f"{cpu:.0%}",
            _bytes(window.latest(service, "process_resident_memory_bytes")),
            *("-" if up is None else "up" if up else "DOWN" for up in dependencies),
        )
    return table


def _number(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _bytes(value: float | None) -> str:
    return "-" if value is None else f"{value / 1_000_000:,.1f} MB"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f} s"


def _bound(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return "above the highest bucket" if math.isinf(seconds) else f"≤ {seconds * 1_000:g} ms"
