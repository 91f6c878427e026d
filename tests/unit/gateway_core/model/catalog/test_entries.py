"""Catalog files. Those in `tests/corpus/catalog` load, or are refused with the message in their first line."""

import datetime as dt
from pathlib import Path

import pytest

from gateway_core.model.catalog.entries import Catalog
from gateway_core.model.catalog.service import Service
from gateway_core.model.catalog_file import CatalogError, load_catalog
from gateway_core.model.endpoints import Dialect, Endpoint
from tests.support.repository import ROOT

CORPUS = ROOT / "tests" / "corpus" / "catalog"
OK = sorted(CORPUS.glob("ok_*.yaml"))
BAD = sorted(CORPUS.glob("bad_*.yaml"))
DAY = dt.timedelta(days=1)
TODAY = dt.date(2026, 3, 1)


def load(name: str) -> Catalog:
    return load_catalog(CORPUS / f"ok_{name}.yaml")


@pytest.mark.parametrize("path", OK, ids=lambda path: path.stem)
def test_a_valid_file_loads(path: Path) -> None:
    assert load_catalog(path).models[0].name == "large"


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_an_invalid_file_is_refused_with_position_and_reason(path: Path) -> None:
    expected = path.read_bytes().splitlines()[0].decode().removeprefix("# expect: ")
    with pytest.raises(CatalogError) as caught:
        load_catalog(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert expected in str(caught.value)


def test_the_corpus_is_complete() -> None:
    assert len(OK) >= 5
    assert len(BAD) >= 40


def test_a_missing_file_is_reported_by_name(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"none\.yaml: cannot be read \(No such file"):
        load_catalog(tmp_path / "none.yaml")


def test_a_password_in_a_url_is_not_repeated() -> None:
    with pytest.raises(CatalogError) as caught:
        load_catalog(CORPUS / "bad_url_with_password.yaml")
    assert "secret" not in str(caught.value).removeprefix(str(CORPUS))


def test_every_field_is_read() -> None:
    model = load("every_field").models[0]
    (schedule,) = model.schedules
    assert schedule.prices.model_dump() == {
        "input": 1_000_000_000,
        "cache_read": 100_000_000,
        "cache_write_5m": 1_250_000_000,
        "cache_write_1h": 2_000_000_000,
        "output": 5_000_000_000,
        "reasoning": 6_000_000_000,
        "input_audio": 3_000_000_000,
        "input_image": 1_100_000_000,
        "cache_read_audio": 300_000_000,
        "output_audio": 9_000_000_000,
        "output_image": 30_000_000_000,
    }
    assert schedule.prices_for(50_000).input == 1_000_000_000
    assert schedule.prices_for(50_001).input == 2_000_000_000
    assert model.endpoints == tuple(endpoint for endpoint in Endpoint if endpoint in endpoint.offered_with)
    assert model.aliases == ("acme/large", "large-2025-01-01")


def test_a_model_has_the_fees_and_multipliers_of_its_provider_unless_it_has_its_own() -> None:
    catalog = load("every_field")
    (schedule,) = catalog.models[0].schedules
    assert schedule.fees == {"web_search": 10_000_000, "code": 30, "search": 5}
    assert schedule.fees_once_per_call == ("search", "code")
    flex, fast, us = Service(tier="flex"), Service(speed="fast"), Service(place="us")
    found = {service: schedule.for_service(service).prices.by_category["input"] for service in (flex, fast, us)}
    assert found == {flex: 750_000_000, fast: 6_000_000_000, us: 1_100_000_000}
    assert schedule.for_service(flex).prices.by_category["cache_read"] == 100_000_000


def test_a_provider_may_bill_after_a_disconnect_and_names_its_tools() -> None:
    (provider,) = load("every_field").providers
    assert provider.bills_after_disconnect is not None
    assert provider.bills_after_disconnect.source == "https://acme.example/docs/streaming"
    assert provider.hosted_tools == {Dialect.ANTHROPIC: {"web_search": ("web_search",), "web_fetch": ()}}
    assert provider.caller_tools == {Dialect.ANTHROPIC: {"bash"}}
    assert load("smallest").providers[0].bills_after_disconnect is None


def test_a_provider_has_a_cluster_per_header_of_its_credential_and_a_base_path_per_dialect() -> None:
    (provider,) = load("every_field").providers
    assert {dialect: provider.cluster(dialect) for dialect in Dialect} == {
        Dialect.OPENAI: "provider-acme",
        Dialect.ANTHROPIC: "provider-acme_anthropic",
        Dialect.GEMINI: "provider-acme",
    }
    assert provider.targets == {"acme": "authorization", "acme_anthropic": "x-api-key"}
    assert {dialect: provider.base_path(dialect) for dialect in Dialect} == {
        Dialect.OPENAI: "/v1",
        Dialect.ANTHROPIC: "/anthropic/v1",
        Dialect.GEMINI: "/v1beta",
    }


def test_the_current_schedule_is_the_newest_that_has_started() -> None:
    model = load("several_schedules").models[0]
    first, second = dt.date(2025, 1, 1), dt.date(2026, 7, 1)
    assert model.schedule_at(first - DAY) is None
    for day, expected in ((first, first), (second - DAY, first), (second, second), (dt.date(2030, 1, 1), second)):
        schedule = model.schedule_at(day)
        assert schedule is not None
        assert schedule.effective_date == expected


def test_the_later_of_two_versions_with_the_same_start_is_current() -> None:
    model = load("smallest").models[0]
    versions = tuple(model.schedules[0].model_copy(update={"version": version}) for version in (2, 3, 1))
    schedule = model.model_copy(update={"schedules": versions}).schedule_at(dt.date(2025, 1, 1))
    assert schedule is not None
    assert schedule.version == 3


def test_a_model_without_a_price_has_no_current_schedule() -> None:
    assert load("without_price").models[0].schedule_at(dt.date(9999, 1, 1)) is None


def test_a_price_of_zero_is_a_price() -> None:
    schedule = load("free").models[0].schedule_at(dt.date(2025, 1, 1))
    assert schedule is not None
    assert (schedule.prices.input, schedule.prices.output) == (0, 0)


def test_a_merged_anchor_may_be_overridden() -> None:
    small = load("anchors").models[1].schedules[0].prices
    assert (small.input, small.output) == (1_000_000_000, 1)


def test_a_model_with_deployments_is_that_of_its_first_one() -> None:
    model = load("deployments").models[0]
    assert (model.provider, model.upstream_name, model.providers) == ("acme", "acme-large", ("acme", "acme-eu"))
    assert [one.place for one in model.deployments] == ["acme/acme-large", "acme-eu/large-eu"]


def test_a_deployment_has_its_own_price_or_that_of_the_model() -> None:
    at_acme, in_eu = load("deployments").models[0].deployed
    prices = [schedule.prices.input for schedule in (at_acme.schedule_at(TODAY), in_eu.schedule_at(TODAY)) if schedule]
    assert prices == [1_000_000_000, 2_000_000_000]
    assert (in_eu.provider, in_eu.upstream_name, in_eu.deployments) == ("acme-eu", "large-eu", ())


def test_another_account_differs_from_its_provider_in_what_it_says() -> None:
    acme, eu, *_ = load("deployments").providers
    assert eu.model_dump(exclude={"name", "credential_env"}) == acme.model_dump(exclude={"name", "credential_env"})
    assert eu.credential_env == "ACME_EU_API_KEY"
