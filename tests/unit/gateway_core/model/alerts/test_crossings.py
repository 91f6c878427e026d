"""Which crossings a rule reports, for any history of spends and limits."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model.alerts.crossings import Budget, Key, State, decide
from gateway_core.model.alerts.event_types import RECOVERED, THRESHOLD_REACHED
from gateway_core.model.alerts.rules import Place, Rule, Threshold, thresholds_of
from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.organization.scopes import Scope, ScopeKind

COUNTER = Counter(ScopeKind.MEMBER, "mia", Cycle.NEVER, 0)
MIA = Place(Scope(ScopeKind.MEMBER, "mia"), ("research", "vision"), "mia", "Mia")
RULE = Rule(
    "budgets",
    frozenset({THRESHOLD_REACHED, RECOVERED}),
    Scope(ScopeKind.ORGANIZATION, "acme"),
    includes_descendants=True,
    thresholds=thresholds_of([80, 90, 100], [7]),
    recipients=(),
)


def step(spent: int, limit: int, known: dict[Key, State]) -> list[str]:
    decision = decide([Budget(COUNTER, MIA, limit, spent)], [RULE], known)
    known.update(decision.states)
    return [one.threshold_text for one in decision.crossings]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 20)), max_size=30))
def test_a_threshold_is_told_again_only_after_the_spend_was_below_it(history: list[tuple[int, int]]) -> None:
    known: dict[Key, State] = {}
    told: set[tuple[str, int]] = set()
    for spent, limit in history:
        decision = decide([Budget(COUNTER, MIA, limit, spent)], [RULE], known)
        known.update(decision.states)
        for one in decision.crossings:
            key = (one.threshold_text, one.epoch)
            assert key not in told
            told.add(key)
            assert (0 < spent >= one.amount_nano_credits) == (one.event_type == THRESHOLD_REACHED)
        assert step(spent, limit, known) == []


def test_exactly_at_a_threshold_counts_as_reached() -> None:
    assert step(80, 100, {}) == ["80%"]
    assert step(79, 100, {}) == ["7"]


def test_a_budget_that_percent_divide_unevenly_is_reached_at_the_next_whole_amount() -> None:
    assert Threshold(percent=80).amount_of(99) == 80
    assert Threshold(percent=33).amount_of(10) == 4


def test_a_budget_of_nothing_is_not_reached_by_nothing() -> None:
    assert step(0, 0, {}) == []
    assert step(1, 0, {}) == ["80%"]


def test_a_rule_of_a_group_speaks_of_what_is_inside_it() -> None:
    inside = Scope(ScopeKind.GROUP, "vision")
    outside = Scope(ScopeKind.GROUP, "sales")
    key = Place(Scope(ScopeKind.API_KEY, "key-1"), ("research", "vision"), "mia", "k")
    for place in (MIA, key):
        assert replace(RULE, scope=inside).speaks_of(place)
        assert not replace(RULE, scope=inside, includes_descendants=False).speaks_of(place)
        assert not replace(RULE, scope=outside).speaks_of(place)


def test_a_rule_with_a_severity_gives_it_to_all_but_recoveries() -> None:
    rule = replace(RULE, severity="ALERT")
    budget = Budget(COUNTER, MIA, 100, 80)
    (reached,) = decide([budget], [rule], {}).crossings
    assert (reached.severity, replace(reached, rule=RULE).severity) == ("ALERT", "WARNING")
    assert replace(reached, event_type=RECOVERED).severity == "INFO"
