"""How budgets for some models are stored."""

import pytest

from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.limits.model_budgets import ModelBudget, model_budget_of
from gateway_core.model.limits.rollovers import Rollover
from gateway_core.model.limits.soft_budgets import SoftBudget


@pytest.mark.parametrize(
    ("budget", "stored"),
    [
        (ModelBudget("gpt-4o", 5), ["gpt-4o", 5]),
        (ModelBudget("gpt-4o", 5, Cycle.DAILY), ["gpt-4o", 5, {"cycle": "DAILY"}]),
        (
            ModelBudget("openai/*", 5, soft=SoftBudget(80), rollover=Rollover(7)),
            ["openai/*", 5, {"soft": {"percent": 80}, "rollover": {"cap": 7}}],
        ),
        (ModelBudget("a", 5, rollover=Rollover()), ["a", 5, {"rollover": {}}]),
    ],
)
def test_it_is_read_as_it_was_stored(budget: ModelBudget, stored: list[object]) -> None:
    assert budget.stored() == stored
    assert model_budget_of(stored) == budget


def test_the_revision_is_read_and_left_to_the_database() -> None:
    budget = model_budget_of(["a", 5, {"cycle": "DAILY", "revision": 9}])
    assert budget.revision == 9
    assert budget.stored() == ["a", 5, {"cycle": "DAILY"}]
