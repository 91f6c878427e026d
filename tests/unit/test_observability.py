"""The dashboard and the alert rules query only existing metrics, and every metric is used."""

from typing import Any

import promql_parser
import pytest

from gateway_core.runtime.telemetry.semconv import Instrument
from tests.support.checkout.observability_names import (
    alert_rules,
    asked_names,
    instruments,
    labels_in,
    queries,
    scraped_names,
    selectors,
)

OF_PROMETHEUS = {"up", "process_resident_memory_bytes"}
OF_ENVOY = {
    "envoy_filesystem_write_failed",
    "envoy_listener_ssl_certificate_expiration_unix_time_seconds",
    "envoy_sds_key_rotation_failed",
}
"""`tests/e2e/running` finds these in a running Envoy."""


@pytest.mark.parametrize("query", queries())
def test_a_query_uses_existing_metrics(query: str) -> None:
    names = [selector.name for selector in selectors(promql_parser.parse(query))]
    assert names
    assert set(names) <= scraped_names() | OF_PROMETHEUS | OF_ENVOY


@pytest.mark.parametrize("query", queries())
def test_a_query_matches_and_groups_by_existing_labels(query: str) -> None:
    names = {selector.name for selector in selectors(promql_parser.parse(query))}
    asked = [each for each in instruments() if any(name.startswith(each.name.replace(".", "_")) for name in names)]
    labels = {label.replace(".", "_") for each in asked for label in each.labels}
    assert labels_in(query) <= labels | {"le", "job", "envoy_listener_address"}


@pytest.mark.parametrize("instrument", instruments(), ids=lambda instrument: instrument.name)
def test_a_metric_is_on_the_dashboard_or_in_an_alert(instrument: Instrument) -> None:
    if instrument.name in {"megarouter.journal.lag", "megarouter.report.repeated"}:
        pytest.skip("the panel next to it shows the same")
    base = instrument.name.replace(".", "_")
    assert any(name.startswith(base) for name in asked_names())


@pytest.mark.parametrize("rule", alert_rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_happened_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert all(rule["annotations"][name] for name in ("summary", "description"))
