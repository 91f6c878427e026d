"""Names of metrics: those that the services export to Prometheus, and those that the dashboard and the alert rules query."""

import json
from collections.abc import Iterator
from typing import Any, Final

import promql_parser
import yaml

from gateway_core.runtime.telemetry import semconv
from gateway_core.runtime.telemetry.semconv import Instrument
from tests.support.repository import ROOT

FOLDER: Final = ROOT / "deploy" / "observability"
_UNITS: Final = {"s": "_seconds", "By": "_bytes"}


def instruments() -> list[Instrument]:
    return [value for value in vars(semconv).values() if isinstance(value, Instrument)]


def scraped_names() -> set[str]:
    """Names by https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/."""
    bases = {instrument.name.replace(".", "_") + _UNITS.get(instrument.unit, "") for instrument in instruments()}
    return {base + suffix for base in bases for suffix in ("", "_total", "_bucket", "_sum", "_count")}


def dashboard_queries() -> list[str]:
    dashboard = json.loads((FOLDER / "grafana-dashboard.json").read_text(encoding="utf-8"))
    return [
        target["expr"].replace("$__rate_interval", "5m") for panel in dashboard["panels"] for target in panel["targets"]
    ]


def alert_rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> list[str]:
    return [*dashboard_queries(), *(rule["expr"] for rule in alert_rules())]


def selectors(node: Any) -> Iterator[Any]:
    """Yields the vector selectors of a query."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "vector_selector"):
        if (inner := getattr(node, name, None)) is not None:
            yield from selectors(inner)
    for inner in getattr(node, "args", ()):
        yield from selectors(inner)


def labels_in(query: str) -> set[str]:
    """Returns every label that a query matches or groups by."""
    parsed = promql_parser.parse(query)
    matched = {matcher.name for selector in selectors(parsed) for matcher in selector.matchers.matchers}
    return matched | set(_grouped(parsed))


def _grouped(node: Any) -> Iterator[str]:
    modifier = getattr(node, "modifier", None)
    yield from getattr(modifier, "labels", None) or ()
    for name in ("expr", "lhs", "rhs"):
        if (inner := getattr(node, name, None)) is not None:
            yield from _grouped(inner)
    for inner in getattr(node, "args", ()):
        yield from _grouped(inner)


def asked_names() -> set[str]:
    """Returns the names of the services' metrics that the queries use."""
    names = {selector.name for query in queries() for selector in selectors(promql_parser.parse(query))}
    return {name for name in names if name.startswith("megarouter_")}
