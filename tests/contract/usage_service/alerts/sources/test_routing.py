"""What routing saved in a month, and use cases that went back to their baseline."""

import datetime as dt

import pytest

from tests.contract.usage_service.alerts.sources.conftest import Company

TODAY = dt.datetime.now(dt.UTC)


async def add_choice(
    company: Company, number: int, arm: str, *, simple: bool, baseline: int | None, chosen: int
) -> None:
    """A call of the last month, and what both models cost."""
    await company.owner.execute(
        "INSERT INTO routed_calls (organization_id, hold_id, sequence, virtual_model, revision, arm, reason, is_simple, use_case,"
        " baseline_model, baseline_price_version, chosen_model, chosen_price_version, baseline_nano_credits, chosen_nano_credits,"
        " place_time)"
        " VALUES ('acme', 'hold-' || $1::int, $1, 'auto', 1, $2, 'cheapest', $3, 'auto', 'top', 1, 'light', 1, $4, $5, $6)",
        number, arm, simple, baseline, chosen, TODAY - dt.timedelta(days=TODAY.day),
    )  # fmt: skip


async def test_the_savings_of_a_month_are_told_once_with_what_cost_more(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("usage_service.alerts.sources.routing._LATE_S", 40 * 86_400)
    await company.rule("savings.monthly", recipient="SUPER_ADMINS")
    await add_choice(company, 1, "ROUTED", simple=True, baseline=1_000, chosen=300)
    await add_choice(company, 2, "ROUTED", simple=False, baseline=500, chosen=600)
    await add_choice(company, 3, "BASELINE", simple=False, baseline=700, chosen=700)
    await add_choice(company, 4, "ROUTED", simple=False, baseline=None, chosen=9)
    await add_choice(company, 5, "SHADOW", simple=True, baseline=1_000, chosen=1)
    await add_choice(company, 6, "OVERRIDDEN", simple=True, baseline=1_000, chosen=1)
    await company.step(look=True)
    await company.step(look=True)
    data = await company.data()
    assert (data["savedNanoCredits"], data["baselineNanoCredits"], data["callCount"]) == ("600", "2200", "3")
    assert data["unknownCallCount"] == "1"
    assert data["simple"] == {"savedNanoCredits": "700", "baselineNanoCredits": "1000", "callCount": "1"}
    assert data["complex"] == {"savedNanoCredits": "-100", "baselineNanoCredits": "1200", "callCount": "2"}


async def test_a_month_without_routed_calls_tells_of_no_savings(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("usage_service.alerts.sources.routing._LATE_S", 40 * 86_400)
    await company.rule("savings.monthly")
    await add_choice(company, 1, "SHADOW", simple=True, baseline=1_000, chosen=1)
    await company.step(look=True)
    assert await company.told() == []


async def add_return(company: Company, owner: str = "organization:acme", age: str = "1 minute") -> None:
    """A virtual model, and a use case of it that went back."""
    kind, owner_id = owner.split(":")
    await company.owner.execute(
        "INSERT INTO virtual_models (organization_id, virtual_model_id, model_name, owner_kind, owner_id, candidates,"
        " baseline_model) VALUES ('acme', 'vm-1', 'assistant', $1, $2, '{top,light}', 'top')",
        kind, owner_id,
    )  # fmt: skip
    await company.owner.execute(
        "INSERT INTO routing_returns (organization_id, return_id, virtual_model_id, use_case, measure, routed_count, routed_bad,"
        " held_out_count, held_out_bad, loss_basis_points, low_basis_points, allowed_basis_points, return_time)"
        " VALUES ('acme', 'rr-1', 'vm-1', 'contracts', 'troubled', 1000, 400, 200, 20, 2970, 2064, 100,"
        " now() - $1::text::interval)",
        age,
    )  # fmt: skip


async def test_a_use_case_that_goes_back_to_the_baseline_is_told_once(company: Company) -> None:
    await company.rule("routing.returned", recipient="SUPER_ADMINS")
    await add_return(company)
    await company.calls(1)
    await company.step()
    await company.calls(1)
    await company.step()
    await company.step(look=True)
    assert await company.told() == ["routing.returned organization acme"]
    assert await company.inbox() == ["sue"]
    data = await company.data()
    assert (data["modelName"], data["useCase"], data["measure"]) == ("assistant", "contracts", "troubled")
    assert data["virtualModel"] == "organizations/acme/virtualModels/vm-1"
    assert (data["routedCount"], data["routedBadCount"], data["heldOutCount"], data["heldOutBadCount"]) == (
        "1000", "400", "200", "20",
    )  # fmt: skip
    assert (data["lossBasisPoints"], data["lossBasisPointsLow"], data["allowedLossBasisPoints"]) == (2_970, 2_064, 100)


async def test_without_calls_it_is_told_at_the_next_look(company: Company) -> None:
    await company.rule("routing.returned")
    await add_return(company)
    await company.step()
    assert await company.told() == []
    await company.step(look=True)
    assert await company.told() == ["routing.returned organization acme"]


async def test_it_is_about_the_group_that_has_the_virtual_model(company: Company) -> None:
    await company.rule("routing.returned", scope="group:research", recipient="GROUP_ADMINS")
    await add_return(company, "group:research")
    await company.step(look=True)
    assert await company.told() == ["routing.returned group research"]
    assert await company.inbox() == ["ada"]


async def test_what_went_back_before_the_rule_is_history(company: Company) -> None:
    await company.rule("routing.returned")
    await company.owner.execute("UPDATE notification_rules SET create_time = now()")
    await add_return(company)
    await company.step(look=True)
    assert await company.told() == []
