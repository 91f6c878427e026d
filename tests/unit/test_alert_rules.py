"""When alert rules fire, and what they link to."""

import re

from tests.support.checkout.alert_evaluation import Vector, firing_minutes, scraped
from tests.support.checkout.observability_names import alert_rules
from tests.support.repository import ROOT

[DEPLOYMENT_LEFT] = [rule for rule in alert_rules() if rule["alert"] == "DeploymentLeft"]
LABELS = ("instance", "megarouter_deployment_name")


def left(azure: float, openai: float = 0, other_replica: float = 0) -> Vector:
    values = {
        ("authz-1", "azure/gpt-4o"): azure,
        ("authz-1", "openai/gpt-4o"): openai,
        ("authz-2", "azure/gpt-4o"): other_replica,
    }
    return dict(scraped("megarouter_deployment_left", values, LABELS))


def test_a_breaker_that_never_closes_is_reported_after_ten_minutes() -> None:
    assert firing_minutes(DEPLOYMENT_LEFT, [left(0), left(0), *[left(1)] * 12]) == [12, 13]


def test_a_breaker_that_closes_in_between_is_not_reported() -> None:
    assert firing_minutes(DEPLOYMENT_LEFT, [*[left(1)] * 10, left(0), *[left(1)] * 10]) == []


def test_two_deployments_that_are_left_in_turn_are_not_reported() -> None:
    assert firing_minutes(DEPLOYMENT_LEFT, [*[left(1)] * 7, *[left(0, 1)] * 7]) == []


def test_one_replica_that_avoids_a_deployment_is_enough() -> None:
    assert firing_minutes(DEPLOYMENT_LEFT, [left(0, other_replica=1)] * 11) == [10]


def test_every_rule_links_to_its_runbook_and_every_runbook_has_a_rule() -> None:
    page = "docs/guides/runbooks.md"
    headings = re.findall(r"^## (\w+)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    links = {rule["alert"]: rule["annotations"].get("runbook_url") for rule in alert_rules()}
    assert links == {heading: f"{page}#{heading.lower()}" for heading in headings}
