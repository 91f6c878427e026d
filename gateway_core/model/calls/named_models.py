"""The model that a call names: whether the catalog offers it, the caller may call it, and it has a price."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime

from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.catalog.answered_models import NO_OTHER_MODELS, AnsweredModels
from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.model.catalog.providers.provider import Provider
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.record_decorator import record
from gateway_core.model.routing.virtual_models import Owned


@record(frozen=True, slots=True)
class CatalogView:
    """What the catalog says about the models on offer, by name."""

    models: Mapping[str, Model]
    providers: Mapping[str, Provider]
    answered: AnsweredModels = NO_OTHER_MODELS
    """The models that may answer, those no longer on offer included."""
    virtual_models: Owned = field(default_factory=dict)
    """Those that every organization has, by name."""
    has_deployments: bool = False
    """Whether any model has several deployments."""


def find_model(
    principal: Principal, endpoint: Endpoint, name: str, deployment: int | None, prices: CatalogView, now_epoch_s: float
) -> tuple[Model, PriceSchedule, Provider] | Refusal:
    """Returns the model that a call names, its price today and its provider, or why the caller may not call it so."""
    model = prices.models.get(name)
    if model is not None and model.deployments:
        model = _deployed(model, deployment, principal)
    provider = prices.providers.get(model.provider) if model else None
    if model is None or provider is None:
        return Refusal(
            RefusalReason.MODEL_NOT_FOUND,
            f"The model {name[:128]!r} is not offered. GET /v1/models lists what you may use.",
            "model",
        )
    if endpoint.uploads:
        if not any(principal.may_call(one.name, one.provider) for one in _models_of(model.provider, prices)):
            message = f"You may call no model of {model.provider!r}, so you may not store files there."
            return Refusal(RefusalReason.MODEL_NOT_ALLOWED, message)
    elif not principal.may_call(model.name, model.provider):
        message = f"The model {name!r} is not on your whitelist. GET /v1/models lists what you may use."
        scope = principal.scope_that_forbids(model.name, model.provider)
        return Refusal(RefusalReason.MODEL_NOT_ALLOWED, message, "model", scope=scope)
    if endpoint.offered_with.isdisjoint(model.endpoints):
        offered = ", ".join(model.endpoints)
        message = f"The model {name!r} is not offered for {endpoint}; it is for {offered}."
        return Refusal(RefusalReason.INVALID_PARAMETER, message, "model")
    schedule = model.schedule_at(datetime.fromtimestamp(now_epoch_s, UTC).date())
    if schedule is None:
        return Refusal(
            RefusalReason.MODEL_WITHOUT_PRICE, f"The model {name!r} has no price yet, so it cannot be called.", "model"
        )
    return model, schedule, provider


def _deployed(model: Model, index: int | None, principal: Principal) -> Model:
    """Returns the model as a deployment serves it: without an index, by the first one that the caller may call."""
    if index is not None:
        return model.deployed[index]
    providers = principal.providers_for(model.providers)
    serving = [one for one in model.deployed if one.provider in providers]
    return next((one for one in serving if principal.may_call(one.name, one.provider)), serving[0])


def _models_of(provider: str, prices: CatalogView) -> Iterator[Model]:
    return (model for model in prices.models.values() if model.provider == provider)
