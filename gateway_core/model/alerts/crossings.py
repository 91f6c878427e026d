"""Decides which thresholds a budget has crossed since they were last looked at. Pure.

Each rule reports a budget once for each threshold, until the threshold is armed again. That happens when the spend is below the
threshold again, because the limit was raised or a charge was corrected. A new period or a reset is another counter, with thresholds
of its own.

Calls are refused before a budget is used to the last nano-credit: what is left is less than a call may cost. That is reported once
for each limit of a budget in a period.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway_core.model.alerts import event_types
from gateway_core.model.alerts.event_types import EXHAUSTED, RECOVERED, THRESHOLD_REACHED
from gateway_core.model.alerts.rules import Place, Rule, Threshold
from gateway_core.model.limits.counters import Counter

_WHOLE_PERCENT: Final = 100


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget in one of its periods."""

    counter: Counter
    place: Place
    limit_nano_credits: int
    """With what was carried into the period."""
    spent_nano_credits: int
    refuses_calls: bool = False
    """Whether it has just refused calls."""


@dataclass(frozen=True, slots=True)
class State:
    """Whether a threshold is reached, and how often it was armed again before."""

    epoch: int = 0
    is_reached: bool = False


Key = tuple[str, str, str]
"""The id of a rule, an encoded counter and an encoded threshold."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A rule has something to report about a budget."""

    rule: Rule
    budget: Budget
    threshold: Threshold
    epoch: int
    event_type: str = THRESHOLD_REACHED

    @property
    def amount_nano_credits(self) -> int:
        """The spend that reaches the threshold."""
        return self.threshold.amount_of(self.budget.limit_nano_credits)

    @property
    def threshold_text(self) -> str:
        """The threshold as it is stored. A recovery from it has a text of its own."""
        text = self.threshold.encode()
        match self.event_type:
            case event_types.RECOVERED:
                return f"below {text}"
            case event_types.EXHAUSTED:
                return f"exhausted {text}"
            case _:
                return text

    @property
    def severity(self) -> str:
        """How urgent it is: as the rule says, but a recovery is never urgent."""
        if self.event_type == event_types.RECOVERED:
            return "INFO"
        if self.rule.severity:
            return self.rule.severity
        return "ALERT" if self.event_type == event_types.EXHAUSTED else self.threshold.severity


@dataclass(frozen=True, slots=True)
class Decision:
    """What to write about budgets."""

    crossings: Sequence[Crossing]
    states: Mapping[Key, State]
    """The states that changed."""


def decide(budgets: Iterable[Budget], rules: Sequence[Rule], known: Mapping[Key, State]) -> Decision:
    """Compares budgets with the thresholds of the rules.

    Of several thresholds that one rule sees crossed in one step, only the highest is reported.
    """
    crossings: list[Crossing] = []
    changed: dict[Key, State] = {}
    for budget in budgets:
        for rule in rules:
            if rule.speaks_of(budget.place):
                crossings.extend(_crossings(budget, rule, known, changed))
    return Decision(crossings, changed)


def _crossings(budget: Budget, rule: Rule, known: Mapping[Key, State], changed: dict[Key, State]) -> Iterable[Crossing]:
    reached: list[Crossing] = []
    left: list[Crossing] = []
    for threshold in rule.thresholds:
        key = (rule.rule_id, budget.counter.encode(), threshold.encode())
        state = known.get(key, State())
        # A budget of nothing is not reached by spending nothing.
        is_reached = 0 < budget.spent_nano_credits >= threshold.amount_of(budget.limit_nano_credits)
        if is_reached and not state.is_reached:
            changed[key] = State(state.epoch, is_reached=True)
            reached.append(Crossing(rule, budget, threshold, state.epoch))
        elif state.is_reached and not is_reached:
            changed[key] = State(state.epoch + 1, is_reached=False)
            left.append(Crossing(rule, budget, threshold, state.epoch, RECOVERED))
    if budget.refuses_calls and EXHAUSTED in rule.event_types:
        yield Crossing(rule, budget, Threshold(amount_nano_credits=budget.limit_nano_credits), 0, EXHAUSTED)
    if reached and THRESHOLD_REACHED in rule.event_types:
        yield max(reached, key=lambda one: one.amount_nano_credits)
    recovered = [one for one in left if (one.threshold.percent or 0) >= _WHOLE_PERCENT]
    if recovered and RECOVERED in rule.event_types:
        yield min(recovered, key=lambda one: one.amount_nano_credits)
