from dataclasses import replace

import pytest

from gateway_core.model.alerts.rules import Conditions, Exclusion, Place, Rule, Threshold
from gateway_core.model.organization.scopes import Scope, ScopeKind
from usage_service.alerts.incidents.decisions import Incident, Subject, over

ACME = Place(Scope(ScopeKind.ORGANIZATION, "acme"))
TEAM = Place(Scope(ScopeKind.GROUP, "team"), ("team",))
RULE = Rule(
    "rule", frozenset({"budget.threshold_reached", "budget.exhausted", "credit.low", "provider.down"}), ACME.scope, True,  # noqa: FBT003
    (Threshold(percent=80),), (), conditions=Conditions(credit_left_nano_credits=5, credit_left_days=7),
)  # fmt: skip


def incident(event_type: str, *reached: str, is_exhausted: bool = False, place: Place = TEAM) -> Incident:
    return Incident("pager", Subject("rule", place, "occasion"), "evt-1", event_type, reached, is_exhausted)


def is_over(one: Incident, rule: Rule = RULE) -> bool:
    return bool(over([one], [rule]))


@pytest.mark.parametrize(("event_type", "threshold"), [
    ("budget.threshold_reached", "80%"),
    ("budget.exhausted", "80%"),
    ("credit.low", "amount 5"),
    ("credit.low", "7 days"),
    ("provider.down", "down"),
])  # fmt: skip
def test_an_incident_goes_on_while_a_threshold_of_the_rule_is_reached(event_type: str, threshold: str) -> None:
    assert not is_over(incident(event_type, threshold))
    assert is_over(incident(event_type))
    assert is_over(incident(event_type, threshold), replace(RULE, event_types=frozenset({"key.created"})))


@pytest.mark.parametrize(("event_type", "threshold"), [
    ("budget.threshold_reached", "90%"),
    ("credit.low", "amount 4"),
    ("credit.low", "3 days"),
])  # fmt: skip
def test_a_threshold_that_the_rule_has_no_longer_upholds_nothing(event_type: str, threshold: str) -> None:
    assert is_over(incident(event_type, threshold))


def test_a_limit_of_credit_that_does_not_matter_any_more_upholds_nothing() -> None:
    assert is_over(incident("credit.low", "0 days"), replace(RULE, conditions=Conditions(credit_left_days=0)))


def test_refusals_uphold_an_incident_that_a_threshold_opened() -> None:
    assert not is_over(incident("budget.threshold_reached", is_exhausted=True))
    without = replace(RULE, event_types=frozenset({"budget.threshold_reached"}))
    assert is_over(incident("budget.threshold_reached", is_exhausted=True), without)


def test_a_rule_that_another_one_overrides_upholds_nothing() -> None:
    excluded = replace(RULE, exclusions=(Exclusion(TEAM.scope, includes_descendants=True),))
    assert is_over(incident("budget.threshold_reached", "80%"), excluded)
    assert not is_over(incident("budget.threshold_reached", "80%", place=ACME), excluded)


def test_a_rule_that_is_not_in_effect_upholds_nothing() -> None:
    assert list(over([incident("budget.threshold_reached", "80%")], [])) == [
        incident("budget.threshold_reached", "80%")
    ]
