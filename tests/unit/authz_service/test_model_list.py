"""The list of models in each dialect contains exactly the models that the key may use."""

import json
from typing import Any

import pytest

from authz_service.model_list import list_models
from gateway_core.model.calls.named_models import CatalogView
from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.endpoints import Dialect, ModelList
from gateway_core.model.limits.guardrails import Guardrail
from gateway_core.model.limits.model_whitelists import parse_whitelist
from tests.support.data.examples import NOW_EPOCH_US, PRICES, SCOPES, principal

EVERYWHERE = ["elsewhere", "plain", "renamed"]
CREATED_EPOCH_S = 1_735_689_600  # 2025-01-01T00:00Z, when the prices take effect


def answer(dialect: Dialect, model: str | None = None, who: Principal | None = None) -> str | Refusal:
    return list_models(ModelList(dialect, model), who or principal(), PRICES, NOW_EPOCH_US / 10**6)


def listed(dialect: Dialect, model: str | None = None, who: Principal | None = None) -> Any:
    body = answer(dialect, model, who)
    assert isinstance(body, str)
    return json.loads(body)


def only(*names: str) -> Principal:
    return principal({SCOPES[1]: Guardrail(SCOPES[1], model_whitelist=parse_whitelist(names))})


def test_the_list_has_the_form_of_openai() -> None:
    body = listed(Dialect.OPENAI)
    assert body["object"] == "list"
    assert [entry["id"] for entry in body["data"]] == EVERYWHERE
    assert body["data"][1] == {"id": "plain", "object": "model", "created": CREATED_EPOCH_S, "owned_by": "acme"}


def test_the_list_has_the_form_of_anthropic() -> None:
    body = listed(Dialect.ANTHROPIC)
    assert [entry["id"] for entry in body["data"]] == ["elsewhere", "messages-only", "plain", "renamed"]
    assert (body["first_id"], body["last_id"], body["has_more"]) == ("elsewhere", "renamed", False)
    assert body["data"][2] == {
        "type": "model",
        "id": "plain",
        "display_name": "plain",
        "created_at": "2025-01-01T00:00:00+00:00",
    }


def test_the_list_has_the_form_of_gemini() -> None:
    body = listed(Dialect.GEMINI)
    assert [entry["name"] for entry in body["models"]] == [
        f"models/{name}" for name in ("elsewhere", "gemini-only", "plain", "renamed")
    ]
    assert body["models"][2] == {
        "name": "models/plain",
        "displayName": "plain",
        "inputTokenLimit": 1_000,
        "outputTokenLimit": 100,
        "supportedGenerationMethods": [
            "generateContent",
            "streamGenerateContent",
            "embedContent",
            "batchEmbedContents",
            "countTokens",
        ],
    }


@pytest.mark.parametrize("dialect", Dialect)
def test_a_model_without_a_current_price_is_not_listed(dialect: Dialect) -> None:
    shown = json.dumps(listed(dialect))
    assert "unpriced" not in shown
    assert "future" not in shown


@pytest.mark.parametrize("dialect", Dialect)
def test_a_whitelist_shortens_the_list(dialect: Dialect) -> None:
    shown = json.dumps(listed(dialect, who=only("renamed")))
    assert "renamed" in shown
    assert "plain" not in shown


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (Dialect.OPENAI, {"object": "list", "data": []}),
        (Dialect.ANTHROPIC, {"data": [], "has_more": False, "first_id": None, "last_id": None}),
        (Dialect.GEMINI, {"models": []}),
    ],
)
def test_a_list_may_be_empty(dialect: Dialect, body: object) -> None:
    assert listed(dialect, who=only()) == body


@pytest.mark.parametrize(("dialect", "field", "value"), [
    (Dialect.OPENAI, "id", "plain"), (Dialect.ANTHROPIC, "id", "plain"), (Dialect.GEMINI, "name", "models/plain"),
])  # fmt: skip
def test_a_single_model_can_be_read(dialect: Dialect, field: str, value: str) -> None:
    assert listed(dialect, "plain")[field] == value


@pytest.mark.parametrize("name", ["nothing", "unpriced", "messages-only", "../plain", "x" * 10_000])
def test_a_forbidden_model_gets_the_error_of_a_missing_one(name: str) -> None:
    refusal = answer(Dialect.OPENAI, name)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is RefusalReason.MODEL_NOT_FOUND
    assert len(refusal.message) < 300
    hidden = answer(Dialect.OPENAI, "plain", only("renamed"))
    assert isinstance(hidden, Refusal)
    assert hidden.reason is refusal.reason


def test_a_model_with_aliases_is_listed_once_and_can_be_read_by_each() -> None:
    plain = PRICES.models["plain"]
    aliased = plain.model_copy(update={"aliases": ("acme/plain", "plain-2025-01-01")})
    for alias in (None, "plain", *aliased.aliases):
        prices = CatalogView({"plain": aliased, "acme/plain": aliased}, PRICES.providers)
        body = list_models(ModelList(Dialect.OPENAI, alias), principal(), prices, NOW_EPOCH_US / 10**6)
        assert isinstance(body, str)
        found = json.loads(body)
        assert [entry["id"] for entry in found.get("data", [found])] == ["plain"]
