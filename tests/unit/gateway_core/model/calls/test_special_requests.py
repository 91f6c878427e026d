"""What costs more than tokens has a price or is refused, and every model that a body names is checked."""

import datetime as dt
from typing import Any

import pytest

from gateway_core.model.calls.decision import Admission
from gateway_core.model.calls.named_models import CatalogView
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.calls.special_requests import Specials
from gateway_core.model.catalog.entries import Catalog
from gateway_core.model.catalog.reserves import DESCRIBED_TOOL_TOKENS
from gateway_core.model.catalog.unpriced import Asked
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.limits.guardrails import Guardrail
from gateway_core.model.limits.model_whitelists import ModelWhitelist
from tests.support.data.examples import SCOPES, decided, model, parameters, principal, provider

TOOLS = {"openai": {"web_search": ["web_search"], "mcp": []}, "anthropic": {"web_search": ["web_search"]}}


def schedules(price: int, **more: Any) -> list[dict[str, Any]]:
    prices = {"input": price, "output": price}
    return [{"version": 1, "effective_date": dt.date(2025, 1, 1), "prices": prices, **more}]


FAST = {"when": {"speed": "fast"}, "numerator": 6, "denominator": 1}
CATALOG = Catalog.model_validate(
    {
        "providers": [
            {
                **provider("acme", stream_options=True),
                "hosted_tools": TOOLS,
                "caller_tools": {"openai": ["local_shell"]},
            },
            provider("other", stream_options=True),
        ],
        "models": [
            model("cheap", schedules=schedules(10**9)),
            model("searching", schedules=schedules(10**9, fees={"web_search": 10**7})),
            model("quick", schedules=schedules(10**9, multipliers=[FAST])),
            model("dear", schedules=schedules(10**11)),
            model("renamed", upstream_name="acme-renamed", schedules=schedules(10**9)),
            model("unpriced", schedules=[]),
            model("foreign", provider="other", schedules=schedules(10**9)),
        ],
    }
)
PRICES = CatalogView({m.name: m for m in CATALOG.models}, {p.name: p for p in CATALOG.providers})


def asking(
    name: str = "cheap", *models: str, endpoint: Endpoint = Endpoint.CHAT_COMPLETIONS, **asked: Any
) -> Admission | Refusal:
    specials = Specials(Asked(**asked), models)
    return decided(what=parameters(name, specials=specials), prices=PRICES, endpoint=endpoint)


def refusal(*arguments: str, **asked: Any) -> Refusal:
    answer = asking(*arguments, **asked)
    assert isinstance(answer, Refusal)
    return answer


@pytest.mark.parametrize(
    ("endpoint", "asked", "parameter"),
    [
        (Endpoint.RESPONSES, {"tools": frozenset({"web_search"})}, "tools"),
        (Endpoint.MESSAGES, {"tools": frozenset({"web_search_20250305"})}, "tools"),
        (Endpoint.GENERATE_CONTENT, {"tools": frozenset({"googleSearch"})}, "tools"),
        (Endpoint.CHAT_COMPLETIONS, {"tools": frozenset({"web_search_options"})}, "web_search_options"),
        (Endpoint.CHAT_COMPLETIONS, {"tools": frozenset({"search_parameters"})}, "search_parameters"),
        (Endpoint.MESSAGES, {"tools": frozenset({"mcp_servers"})}, "mcp_servers"),
        (Endpoint.RESPONSES, {"tools": frozenset({"a_tool_of_tomorrow"})}, "tools"),
        (Endpoint.CHAT_COMPLETIONS, {"tier": "priority"}, "service_tier"),
        (Endpoint.GENERATE_CONTENT, {"tier": "FLEX"}, "serviceTier"),
        (Endpoint.MESSAGES, {"speed": "fast"}, "speed"),
        (Endpoint.MESSAGES, {"place": "us"}, "inference_geo"),
        (Endpoint.CHAT_COMPLETIONS, {"modalities": frozenset({"output_audio"})}, "modalities"),
        (Endpoint.CHAT_COMPLETIONS, {"modalities": frozenset({"input_audio"})}, "messages"),
        (
            Endpoint.GENERATE_CONTENT,
            {"modalities": frozenset({"output_image"})},
            "generationConfig.responseModalities",
        ),
    ],
)
def test_what_has_no_price_is_refused_and_named(endpoint: Endpoint, asked: dict[str, Any], parameter: str) -> None:
    refused = refusal(endpoint=endpoint, **asked)
    assert (refused.status, refused.reason, refused.parameter) == (400, RefusalReason.INVALID_PARAMETER, parameter)
    assert f"'{parameter}'" in refused.message
    assert "no price" in refused.message


def test_a_tool_with_a_fee_passes() -> None:
    assert isinstance(asking("searching", tools=frozenset({"web_search"})), Admission)
    assert isinstance(asking("cheap", tools=frozenset({"mcp"})), Admission)


def test_a_tool_that_the_caller_runs_reserves_its_description_and_no_further_round() -> None:
    plain, described, hosted = (
        decided(what=parameters("cheap"), prices=PRICES),
        asking("cheap", tools=frozenset({"local_shell"})),
        asking("cheap", tools=frozenset({"mcp"})),
    )
    assert isinstance(plain, Admission)
    assert isinstance(described, Admission)
    assert isinstance(hosted, Admission)
    window = 1_000
    assert window < DESCRIBED_TOOL_TOKENS
    assert described.hold.amount_nano_credits == plain.hold.amount_nano_credits + (window - 100) * 1_000
    assert hosted.hold.amount_nano_credits == 10 * described.hold.amount_nano_credits


def test_another_model_that_is_priced_and_allowed_passes_and_is_reserved() -> None:
    answers = [decided(what=parameters("cheap"), prices=PRICES), asking("cheap", "dear"), asking("cheap", "cheap")]
    amounts = [answer.hold.amount_nano_credits for answer in answers if isinstance(answer, Admission)]
    assert amounts == [amounts[0], amounts[0] * 100, amounts[0]]


def test_a_dearer_service_is_reserved() -> None:
    answers = [decided(what=parameters("quick"), prices=PRICES), asking("quick", speed="fast")]
    amounts = [answer.hold.amount_nano_credits for answer in answers if isinstance(answer, Admission)]
    assert amounts == [amounts[0], amounts[0] * 6]


@pytest.mark.parametrize("name", ["imaginary", "renamed", "unpriced", "foreign", "", "auto"])
def test_another_model_that_the_provider_does_not_know_or_that_has_no_price_is_refused(name: str) -> None:
    refused = refusal("cheap", name)
    assert (refused.status, refused.parameter) == (400, "model")


def test_another_model_is_known_by_the_providers_name() -> None:
    assert isinstance(asking("cheap", "acme-renamed"), Admission)


def test_another_model_outside_the_whitelist_is_refused() -> None:
    key = SCOPES[0]
    rails = {key: Guardrail(key, model_whitelist=ModelWhitelist(frozenset({"cheap"})))}
    what = parameters("cheap", specials=Specials(models=("dear",)))
    refused = decided(principal(rails), what, prices=PRICES)
    assert isinstance(refused, Refusal)
    assert (refused.status, refused.reason, refused.scope) == (403, RefusalReason.MODEL_NOT_ALLOWED, key)


def test_what_one_of_two_models_has_no_price_for_is_refused() -> None:
    assert refusal("searching", "dear", tools=frozenset({"web_search"})).parameter == "tools"
