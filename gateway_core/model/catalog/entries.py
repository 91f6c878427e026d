"""The catalog: providers, models, their limits, and their prices with effective dates.

This module validates the YAML form (`deploy/catalog/catalog.yaml`), which `catalog_file` reads. PostgreSQL keeps every price
version ever used (INV-11).
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from gateway_core.model.capabilities import Capability, Tier
from gateway_core.model.catalog.prices import Entry, PriceSchedule, TokenLimit
from gateway_core.model.catalog.providers.provider import Provider, Slug
from gateway_core.model.endpoints import ELSEWHERE, IN_DEPLOYMENTS, Endpoint
from gateway_core.model.limits.model_whitelists import qualified_name

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}$")]


MAX_CANDIDATES = 8
"""Models of one virtual model."""
MAX_DEPLOYMENTS = 8
VIRTUAL_PROVIDER = "virtual"
"""What whitelists call the provider of every virtual model: `virtual/auto`, `virtual/*`, `provider:virtual`."""


class Deployment(Entry):
    """One of several places that serve a model: an account at a provider, and the name that the provider has for the model."""

    provider: Slug
    upstream_name: Name
    weight: Annotated[int, Field(ge=1, le=1_000, strict=True)] = 1
    """Its share of the callers, among the deployments of the same priority."""
    priority: Annotated[int, Field(ge=0, le=9, strict=True)] = 0
    """Deployments of a higher number serve only while none of a lower number is healthy."""
    region: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = None
    """Where it computes, for people who read records."""
    first_byte_timeout_ms: Annotated[int, Field(ge=100, le=900_000, strict=True)] | None = None
    """A call that takes longer to begin its answer counts as failed; None: only Envoy's own timeouts do."""

    @property
    def place(self) -> str:
        """Its name among the deployments of all models."""
        return qualified_name(self.upstream_name, self.provider)


class Model(Entry):
    """A model that members may call by its public name."""

    name: Name
    provider: Slug
    """That of the first deployment, if it has several."""
    upstream_name: Name
    endpoints: Annotated[tuple[Endpoint, ...], Field(min_length=1)]
    context_window_tokens: Annotated[TokenLimit, Field(gt=0)]
    max_output_tokens: TokenLimit
    default_output_reserve_tokens: TokenLimit
    aliases: Annotated[tuple[Name, ...], Field(max_length=64)] = ()
    """Other names by which callers may call it, such as a dated snapshot. `provider/name` needs no alias."""
    capabilities: frozenset[Capability] = frozenset()
    """What it can do besides reading and writing text. A routed call that needs more is not served by it."""
    tier: Tier | None = None
    """Its class among the models; None for one that no virtual model of the catalog uses."""
    schedules: tuple[PriceSchedule, ...] = ()
    deployments: Annotated[tuple[Deployment, ...], Field(max_length=MAX_DEPLOYMENTS)] = ()
    """The places that serve it, if there are several."""

    @cached_property
    def deployed(self) -> "tuple[Model, ...]":
        """The model as each deployment serves it, in their order: with its provider, upstream name and prices."""
        return tuple(self._deployed_at(deployment) for deployment in self.deployments)

    @property
    def place(self) -> str:
        """The name of the deployment that serves it, if it has no several ones."""
        return qualified_name(self.upstream_name, self.provider)

    @property
    def providers(self) -> tuple[str, ...]:
        """Those that may serve it."""
        return tuple(dict.fromkeys(one.provider for one in self.deployments)) or (self.provider,)

    def deployment_of(self, provider: str, upstream_name: str) -> Deployment | None:
        """Returns the deployment of these names; None if there is none."""
        of_name = (one for one in self.deployments if (one.provider, one.upstream_name) == (provider, upstream_name))
        return next(of_name, None)

    def served_by(self, provider: str, upstream_name: str) -> "Model":
        """Returns the model as the deployment of these names serves it; itself if there is none."""
        of_name = (one for one in self.deployed if (one.provider, one.upstream_name) == (provider, upstream_name))
        return next(of_name, self)

    def _deployed_at(self, deployment: Deployment) -> "Model":
        own = (one for one in self.schedules if one.deployment == deployment.place)
        schedules = tuple(one.model_copy(update={"deployment": ""}) for one in own)
        schedules = schedules or tuple(one for one in self.schedules if not one.deployment)
        names = {"provider": deployment.provider, "upstream_name": deployment.upstream_name}
        return self.model_copy(update={**names, "schedules": schedules, "deployments": ()})

    @property
    def any_names(self) -> tuple[str, ...]:
        """Every name by which callers may call it: its public name, `provider/name`, and its aliases."""
        return (self.name, qualified_name(self.name, self.provider), *self.aliases)

    @model_validator(mode="before")
    @classmethod
    def _yaml_form(cls, data: object) -> object:
        """Converts the inline prices of the YAML form into the schedules that a model holds."""
        if not isinstance(data, dict):
            return data
        data = dict(data)
        schedules: list[object] = []
        if isinstance(deployments := data.get("deployments"), list | tuple) and deployments:
            data["deployments"], schedules = _without_prices(deployments)
            names = {"provider", "upstream_name"} & data.keys()
            if isinstance(first := data["deployments"][0], dict):
                if any(data[name] != first.get(name) for name in names):
                    raise ValueError("provider and upstream_name must be left out, or be those of the first deployment")
                data = {name: first[name] for name in ("provider", "upstream_name") if name in first} | data
        if _PRICES in data:
            schedules = [_taken_schedule(data), *schedules]
        if schedules and "schedules" in data:
            raise ValueError("give prices either inline or under schedules, not both")
        return {**data, "schedules": tuple(schedules)} if schedules else data

    @model_validator(mode="after")
    def _distinct_deployments(self) -> Self:
        _refuse_repeats("deployment", (one.place for one in self.deployments))
        return self

    @model_validator(mode="after")
    def _endpoints_of_their_own(self) -> Self:
        for endpoint in self.endpoints:
            if endpoint not in endpoint.offered_with:
                raise ValueError(
                    f"endpoints must not name {endpoint}, which comes with {' or '.join(sorted(endpoint.offered_with))}"
                )
        return self

    @model_validator(mode="after")
    def _reserve_within_maximum(self) -> Self:
        if self.default_output_reserve_tokens > self.max_output_tokens:
            raise ValueError("default_output_reserve_tokens must not exceed max_output_tokens")
        return self

    def schedule_at(self, day: dt.date) -> PriceSchedule | None:
        """Returns the schedule in force on a day (UTC), or None if the model has no price and may not be called."""
        return max(
            (schedule for schedule in self.schedules if schedule.effective_date <= day and not schedule.deployment),
            key=lambda schedule: (schedule.effective_date, schedule.version),
            default=None,
        )


_PRICES = "prices_nano_credits_per_million_tokens"


def _without_prices(deployments: Sequence[object]) -> tuple[list[object], list[object]]:
    """Returns the deployments of the YAML form without their prices, and a schedule for each that has some."""
    plain: list[object] = []
    schedules: list[object] = []
    for deployment in deployments:
        if isinstance(deployment, dict) and _PRICES in deployment:
            deployment = dict(deployment)  # noqa: PLW2901 - the caller's remains
            place = f"{deployment.get('provider')}/{deployment.get('upstream_name')}"
            schedules.append({**_taken_schedule(deployment), "deployment": place})
        plain.append(deployment)
    return plain, schedules


def _taken_schedule(entry: dict[str, Any]) -> dict[str, Any]:
    """Removes the inline prices from an entry, and returns them as a schedule."""
    return {
        "prices": entry.pop(_PRICES),
        "long_context": entry.pop("long_context", None),
        "effective_date": entry.pop("effective_date", None),
        "fees": entry.pop("fees", {}),
        "fees_once_per_call": entry.pop("fees_once_per_call", ()),
        "multipliers": entry.pop("multipliers", ()),
    }


class OfferedVirtualModel(Entry):
    """A virtual model that every organization has, unless it has one of the same name."""

    name: Name
    candidates: Annotated[tuple[Name, ...], Field(min_length=1, max_length=MAX_CANDIDATES)]
    """Public names of the models that may serve it."""
    baseline_model: Name

    @model_validator(mode="after")
    def _baseline_is_a_candidate(self) -> Self:
        if self.baseline_model not in self.candidates:
            raise ValueError("baseline_model must be one of the candidates")
        return self


class Catalog(Entry):
    """Providers and models. Each name is unique."""

    version: Literal[1] = 1
    providers: tuple[Provider, ...]
    models: tuple[Model, ...]
    virtual_models: tuple[OfferedVirtualModel, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _further_accounts(cls, data: object) -> object:
        """Completes the providers of the YAML form that are another account at one listed before (`same_as`)."""
        if not isinstance(data, dict) or not isinstance(data.get("providers"), list | tuple):
            return data
        whole: dict[object, object] = {}
        return {**data, "providers": [_completed(provider, whole) for provider in data["providers"]]}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _refuse_repeats("provider", (provider.name for provider in self.providers))
        _refuse_repeats("model name", (name for model in self.models for name in (model.name, *model.aliases)))
        providers = {provider.name: provider for provider in self.providers}
        if VIRTUAL_PROVIDER in providers:
            raise ValueError(
                f"no provider may be named {VIRTUAL_PROVIDER}, because whitelists mean virtual models by it"
            )
        _refuse_repeats("virtual model", (one.name for one in self.virtual_models))
        names = {name for model in self.models for name in model.any_names}
        offered = {model.name for model in self.models}
        for virtual in self.virtual_models:
            if virtual.name in names:
                raise ValueError(f"virtual model {virtual.name}: a model has this name")
            if unknown := [name for name in virtual.candidates if name not in offered]:
                raise ValueError(f"virtual model {virtual.name}: no model is named {', '.join(unknown)}")
        for model in self.models:
            for name in model.providers:
                _require_provider(model, name, providers.get(name))
        return self

    def with_provider_prices(self) -> "Catalog":
        """Returns the catalog in which every schedule also has the fees and multipliers of its provider.

        Raises:
            ValidationError: a multiplier turns a price into a fraction of a nano-credit.
        """
        providers = {provider.name: provider for provider in self.providers}
        models = tuple(_with_provider_prices(model, providers) for model in self.models)
        return self.model_copy(update={"models": models})


def _completed(provider: object, before: dict[object, object]) -> object:
    """Returns a provider of the YAML form with what it has in common with the one that it names. Adds it to those before."""
    if not isinstance(provider, dict):
        return provider
    if "same_as" in provider:
        first = before.get(provider["same_as"])
        if not isinstance(first, dict):
            raise ValueError(f"provider {provider.get('name')}: no provider {provider['same_as']} is listed before it")
        if "credential_env" not in provider:
            raise ValueError(f"provider {provider.get('name')}: name the credential_env of this account")
        provider = {**first, **{key: value for key, value in provider.items() if key != "same_as"}}
    before[provider.get("name")] = provider
    return provider


def _require_provider(model: Model, name: str, provider: Provider | None) -> None:
    """Raises ValueError: the provider cannot serve the model."""
    if provider is None:
        raise ValueError(f"model {model.name}: provider {name} is not in the catalog")
    if missing := {endpoint.dialect for endpoint in model.endpoints} - provider.dialects.keys():
        raise ValueError(f"model {model.name}: provider {name} does not speak {', '.join(sorted(missing))}")
    if provider.deployments_api_version and (others := set(model.endpoints) - IN_DEPLOYMENTS):
        raise ValueError(f"model {model.name}: Azure's API of deployments at {name} has no {', '.join(sorted(others))}")
    if pathless := ELSEWHERE.intersection(model.endpoints) - provider.paths.keys():
        raise ValueError(f"model {model.name}: provider {name} needs paths for {', '.join(sorted(pathless))}")


def _with_provider_prices(model: Model, providers: Mapping[str, Provider]) -> Model:
    places = {one.place: one.provider for one in model.deployments}
    schedules = []
    for schedule in model.schedules:
        provider = providers[places.get(schedule.deployment, model.provider)]
        own = {multiplier.when for multiplier in schedule.multipliers}
        added = tuple(multiplier for multiplier in provider.multipliers if multiplier.when not in own)
        values = {
            **schedule.model_dump(),
            "fees": {**provider.fees, **schedule.fees},
            "fees_once_per_call": tuple(dict.fromkeys((*schedule.fees_once_per_call, *provider.fees_once_per_call))),
            "multipliers": (*schedule.multipliers, *added),
        }
        schedules.append(PriceSchedule.model_validate(values))
    return model.model_copy(update={"schedules": tuple(schedules)})


def _refuse_repeats(kind: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{kind} {name} appears twice in the catalog")
        seen.add(name)
