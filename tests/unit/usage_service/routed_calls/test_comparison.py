"""What a routed call would have cost with the other model: by that call's own baseline, with cached tokens counted once."""

from dataclasses import replace
from typing import Any

import pytest

from gateway_core.model.calls.holds import Claims
from gateway_core.model.capabilities import Tier
from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.token_usage import TokenUsage
from gateway_core.model.routing.choice import Arm, Reason
from gateway_core.model.routing.routed_as import RoutedAs
from gateway_core.stores.postgres.catalog_store import CatalogSnapshot
from tests.contract.usage_service.settlement_cases import make_hold
from tests.unit.gateway_core.model.routing.test_choice import candidate
from usage_service.routed_calls.comparison import compared


def model(name: str, **prices: int) -> Model:
    found = candidate(name, 1, Tier.TOP, prices_nano_credits_per_million_tokens=prices).model
    assert found is not None
    return found.model_copy(
        update={"schedules": tuple(one.model_copy(update={"version": 1}) for one in found.schedules)}
    )


TOP = model("top", input=5_000_000, cache_read=500_000, output=25_000_000)
LIGHT = model("light", input=1_000_000, cache_read=100_000, output=5_000_000)
OTHER = model("other", input=2_000_000, output=2_000_000)
CATALOG = CatalogSnapshot(models={one.name: one for one in (TOP, LIGHT, OTHER)})
ROUTED = RoutedAs("assistant", 1, Arm.ROUTED, Reason.CHEAPEST, True, "summaries", "top", 1, "light", 1)  # noqa: FBT003
CACHED = TokenUsage(input=1_000, cache_read=40_000, output=100)
CHARGE = 1_000 + 4_000 + 500


def claims(served: str = "light", **changes: Any) -> Claims:
    return replace(make_hold().claims, requested_model=served, routed=replace(ROUTED, **changes))


def test_cached_tokens_count_once_at_the_baselines_price_of_a_cached_token() -> None:
    baseline, chosen = compared(claims(), CACHED, CHARGE, CATALOG)
    assert (baseline, chosen) == (5_000 + 20_000 + 2_500, CHARGE)


def test_what_served_costs_what_was_charged() -> None:
    """The ledger's amount, and no second computation of it."""
    assert compared(claims(), CACHED, 12_345, CATALOG)[1] == 12_345
    assert compared(claims("top", arm=Arm.HOLDOUT), CACHED, 12_345, CATALOG) == (12_345, CHARGE)


def test_an_escalation_costs_more_than_the_baseline() -> None:
    baseline, chosen = compared(claims("top", baseline="light", chosen="top"), CACHED, 27_500, CATALOG)
    assert baseline is not None
    assert chosen is not None
    assert baseline - chosen < 0


@pytest.mark.parametrize(("baseline", "cost"), [("top", 27_500), ("other", 82_200)])
def test_each_call_has_its_own_baseline(baseline: str, cost: int) -> None:
    assert compared(claims(baseline=baseline), CACHED, CHARGE, CATALOG)[0] == cost


@pytest.mark.parametrize(
    "changes", [{"baseline_price_version": 0}, {"baseline_price_version": 7}, {"baseline": "gone"}]
)
def test_a_price_that_is_not_known_makes_the_cost_unknown_and_not_zero(changes: dict[str, Any]) -> None:
    assert compared(claims(**changes), CACHED, CHARGE, CATALOG) == (None, CHARGE)
