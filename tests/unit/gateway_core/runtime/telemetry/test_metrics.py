"""Tallies count events of every call without the overhead of an instrument, and are exported as counters."""

from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from gateway_core.runtime.telemetry.metrics import metrics_into
from gateway_core.runtime.telemetry.semconv import RATE_LIMIT_DECISION, RATE_LIMIT_DECISIONS


def test_a_tally_is_exported_by_its_labels() -> None:
    reader = InMemoryMetricReader()
    tally = metrics_into("a_service", [reader]).tally(RATE_LIMIT_DECISIONS)
    for decision in ("OK", "OK", "OVER_LIMIT"):
        tally.add((RATE_LIMIT_DECISION, decision))
    data = reader.get_metrics_data()
    assert data is not None
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    assert metric.name == RATE_LIMIT_DECISIONS.name
    points = {str((point.attributes or {})[RATE_LIMIT_DECISION]): point for point in metric.data.data_points}
    assert {name: getattr(point, "value", None) for name, point in points.items()} == {"OK": 2, "OVER_LIMIT": 1}
    assert getattr(metric.data, "is_monotonic", False)
