"""Answers `GET /v1/models` in each dialect with the models that the key may use. It is free and reaches no provider."""

import json
from datetime import UTC, datetime, time

from authz_service.model_pages import WHOLE_LIST, Page, next_token, read_page
from gateway_core.model.calls.named_models import CatalogView
from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.catalog.entries import VIRTUAL_PROVIDER, Model
from gateway_core.model.endpoints import GEMINI_VERBS, Dialect, ModelList


def list_page(
    route: ModelList, query: str, principal: Principal, prices: CatalogView, now_epoch_s: float
) -> str | Refusal:
    """Returns the page that a query asks for as JSON, or the refusal."""
    page = read_page(route.dialect, query)
    return page if isinstance(page, Refusal) else list_models(route, principal, prices, now_epoch_s, page)


def list_models(
    route: ModelList, principal: Principal, prices: CatalogView, now_epoch_s: float, page: Page = WHOLE_LIST
) -> str | Refusal:
    """Returns the JSON body, or the refusal if the one model requested may not be shown.

    Args:
        route: what is asked for.
        principal: the key, which decides what it may see.
        prices: what is on offer. A model with aliases is listed once.
        now_epoch_s: the time, which decides what has a price.
        page: which part of the list.
    """
    today = datetime.fromtimestamp(now_epoch_s, UTC).date()
    usable = [
        model
        for _name, model in sorted(_offered(principal, prices).items())
        if principal.may_call_any(model.name, model.providers)
        and model.schedule_at(today) is not None
        and any(endpoint.dialect is route.dialect and not endpoint.uploads for endpoint in model.endpoints)
    ]
    render = {Dialect.OPENAI: _openai, Dialect.ANTHROPIC: _anthropic, Dialect.GEMINI: _gemini}[route.dialect]
    if route.model is None:
        by_name = {model.name: model for model in usable}
        names, has_more = page.part_of(list(by_name))
        shown = [render(by_name[name]) for name in names]
        return json.dumps(_collection(route.dialect, shown, next_token(names) if has_more else None))
    named = next((model for model in usable if route.model in model.any_names), None)
    if named is None:
        message = f"You may not use the model {route.model[:128]!r}, or it does not exist. GET /v1/models lists what you may use."
        return Refusal(RefusalReason.MODEL_NOT_FOUND, message, "model")
    return json.dumps(render(named))


def _offered(principal: Principal, prices: CatalogView) -> dict[str, Model]:
    """Returns the models by name. A virtual model is listed as what it is at least: its baseline under another name."""
    offered = {model.name: model for model in prices.models.values()}
    for name, virtual in {**prices.virtual_models, **principal.routing.virtual_models}.items():
        baseline = prices.models.get(virtual.baseline)
        if baseline is not None and name not in prices.models:
            offered[name] = baseline.model_copy(update={"name": name, "provider": VIRTUAL_PROVIDER, "aliases": ()})
    return offered


def _collection(dialect: Dialect, entries: list[dict[str, object]], token: str | None) -> dict[str, object]:
    """Returns the document of a list. `token` is that of the next page; None if there is none."""
    if dialect is Dialect.GEMINI:
        return {"models": entries, **({"nextPageToken": token} if token else {})}
    if dialect is Dialect.ANTHROPIC:
        ends = (
            {"first_id": entries[0]["id"], "last_id": entries[-1]["id"]}
            if entries
            else {"first_id": None, "last_id": None}
        )
        return {"data": entries, "has_more": token is not None, **ends}
    return {"object": "list", "data": entries}


def _created(model: Model) -> datetime:
    return datetime.combine(min(schedule.effective_date for schedule in model.schedules), time(), UTC)


def _openai(model: Model) -> dict[str, object]:
    return {
        "id": model.name,
        "object": "model",
        "created": int(_created(model).timestamp()),
        "owned_by": model.provider,
    }


def _anthropic(model: Model) -> dict[str, object]:
    return {"type": "model", "id": model.name, "display_name": model.name, "created_at": _created(model).isoformat()}


def _gemini(model: Model) -> dict[str, object]:
    return {
        "name": f"models/{model.name}",
        "displayName": model.name,
        "inputTokenLimit": model.context_window_tokens,
        "outputTokenLimit": model.max_output_tokens,
        "supportedGenerationMethods": [
            verb for verb, endpoint in GEMINI_VERBS.items() if not endpoint.offered_with.isdisjoint(model.endpoints)
        ],
    }
