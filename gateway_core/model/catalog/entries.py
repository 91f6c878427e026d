"""The catalog: providers, models, their limits, and their prices with effective dates.

This module validates the YAML form (`deploy/catalog/catalog.yaml`). PostgreSQL keeps every price version ever used
(INV-11).
"""

import datetime as dt
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import Field, ValidationError, model_validator

from gateway_core.model.capabilities import Capability, Tier
from gateway_core.model.catalog.prices import Entry, FeeName, FeeNanoCredits, Multiplier, PriceSchedule, TokenLimit
from gateway_core.model.endpoints import ELSEWHERE, Dialect, Endpoint
from gateway_core.model.limits.model_whitelists import qualified_name
from gateway_core.model.validation_problems import problems_of

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}$")]
Slug = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$")]


MAX_CANDIDATES = 8
"""Models of one virtual model."""
VIRTUAL_PROVIDER = "virtual"
"""What whitelists call the provider of every virtual model: `virtual/auto`, `virtual/*`, `provider:virtual`."""


class CatalogError(Exception):
    """The catalog cannot be read. The message names the place and says what to change."""


ToolType = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


BetaFlag = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._=-]{0,127}$")]


EndpointPath = Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._-]{1,64}){1,8}$")]


class AfterDisconnect(Entry):
    """A statement that a provider goes on with an answer, and bills it, after the caller has disconnected."""

    source: Annotated[str, Field(min_length=1, max_length=500)]
    """Where the provider says so, or how it was observed."""


CredentialHeader = Literal["authorization", "x-api-key", "x-goog-api-key"]


class Provider(Entry):
    """A company or server that answers model calls."""

    name: Slug
    display_name: str
    credential_env: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    credential_header: CredentialHeader
    credential_headers: dict[Dialect, CredentialHeader] = Field(default_factory=dict)
    """The header of the credential in the dialects that want another one."""
    stream_options: bool
    chat_output_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """The field of Chat Completions in which the provider takes an output limit."""
    dialects: Annotated[dict[Dialect, str], Field(min_length=1)]
    paths: dict[Endpoint, EndpointPath] = Field(default_factory=dict)
    """The paths of the operations that are not below the base URL of their dialect."""
    bills_after_disconnect: AfterDisconnect | None = None
    """Set only for a provider that goes on, and bills, after a disconnect. Others stop when the connection closes."""
    hosted_tools: dict[Dialect, dict[ToolType, tuple[FeeName, ...]]] = Field(default_factory=dict)
    """The tools that the provider runs itself, by the type that a body names without its date, and the fees of a use.

    A model may be called with such a tool if it has a price for one of the fees. A tool without fees costs only tokens.
    """
    caller_tools: dict[Dialect, frozenset[ToolType]] = Field(default_factory=dict)
    """The tools that the provider describes to the model and the caller runs, by the type that a body names without its date.

    A use costs nothing but tokens, and no further round within the call.
    """
    betas: Annotated[tuple[BetaFlag, ...], Field(max_length=256)] = ()
    """Flags of features in test that go on to the provider. Calls with others are served without them."""
    fees: dict[FeeName, FeeNanoCredits] = Field(default_factory=dict, max_length=64)
    """Fees of every model of the provider that has none of its own under the same name."""
    fees_once_per_call: tuple[FeeName, ...] = ()
    """Fees that a call to any of its models pays once, however often it uses the tool."""
    multipliers: tuple[Multiplier, ...] = Field(default=(), max_length=16)
    """Multipliers of every model of the provider that has none of its own under the same condition."""

    @property
    def targets(self) -> dict[str, CredentialHeader]:
        """The names of the places that receive calls of the provider, and the header in which each expects the credential."""
        others = {self.target(dialect): header for dialect, header in self.credential_headers.items()}
        return {self.name: self.credential_header, **others}

    def target(self, dialect: Dialect) -> str:
        """Returns the name of the place that receives calls in a dialect. It is one per header of the credential."""
        header = self.credential_headers.get(dialect, self.credential_header)
        # The name of a provider has no underscore, so it cannot be that of a target with a suffix.
        return self.name if header == self.credential_header else f"{self.name}_{dialect}"

    def cluster(self, dialect: Dialect) -> str:
        """Returns the name of the Envoy cluster that reaches the provider in a dialect."""
        return f"provider-{self.target(dialect)}"

    def base_path(self, dialect: Dialect) -> str:
        """Returns the path prefix of the provider's API in this dialect, without a trailing slash."""
        return urlsplit(self.dialects[dialect]).path.rstrip("/")

    @model_validator(mode="after")
    def _known_dialects(self) -> Self:
        unknown = self.credential_headers.keys() - self.dialects.keys()
        if unknown:
            raise ValueError(f"credential_headers must name dialects of the provider, not {', '.join(sorted(unknown))}")
        return self

    @model_validator(mode="after")
    def _one_host(self) -> Self:
        urls = [urlsplit(url) for url in self.dialects.values()]
        origins = {(url.scheme, url.netloc) for url in urls}
        if len(origins) != 1:
            raise ValueError("every dialect of a provider must be served by the same scheme and host")
        scheme, host = origins.pop()
        if scheme not in {"http", "https"} or not host:
            raise ValueError("a base URL must start with http:// or https:// and name a host")
        if "@" in host or any(url.query or url.fragment for url in urls):
            raise ValueError(
                "a base URL must not contain a user, query or fragment; credentials come from credential_env"
            )
        return self


class Model(Entry):
    """A model that members may call by its public name."""

    name: Name
    provider: Slug
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

    @property
    def any_names(self) -> tuple[str, ...]:
        """Every name by which callers may call it: its public name, `provider/name`, and its aliases."""
        return (self.name, qualified_name(self.name, self.provider), *self.aliases)

    @model_validator(mode="before")
    @classmethod
    def _inline_prices(cls, data: object) -> object:
        """Converts the single inline schedule of the YAML form into the tuple of schedules that a model holds."""
        if not isinstance(data, dict) or "prices_nano_credits_per_million_tokens" not in data:
            return data
        if "schedules" in data:
            raise ValueError("give prices either inline or under schedules, not both")
        data = dict(data)
        schedule = {
            "prices": data.pop("prices_nano_credits_per_million_tokens"),
            "long_context": data.pop("long_context", None),
            "effective_date": data.pop("effective_date", None),
            "fees": data.pop("fees", {}),
            "fees_once_per_call": data.pop("fees_once_per_call", ()),
            "multipliers": data.pop("multipliers", ()),
        }
        return {**data, "schedules": (schedule,)}

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
            (schedule for schedule in self.schedules if schedule.effective_date <= day),
            key=lambda schedule: (schedule.effective_date, schedule.version),
            default=None,
        )


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
            provider = providers.get(model.provider)
            if provider is None:
                raise ValueError(f"model {model.name}: provider {model.provider} is not in the catalog")
            missing = {endpoint.dialect for endpoint in model.endpoints} - provider.dialects.keys()
            if missing:
                raise ValueError(
                    f"model {model.name}: provider {model.provider} does not speak {', '.join(sorted(missing))}"
                )
            if pathless := ELSEWHERE.intersection(model.endpoints) - provider.paths.keys():
                raise ValueError(
                    f"model {model.name}: provider {model.provider} needs paths for {', '.join(sorted(pathless))}"
                )
        return self

    def with_provider_prices(self) -> "Catalog":
        """Returns the catalog in which every schedule also has the fees and multipliers of its provider.

        Raises:
            ValidationError: a multiplier turns a price into a fraction of a nano-credit.
        """
        providers = {provider.name: provider for provider in self.providers}
        models = tuple(_with_provider_prices(model, providers[model.provider]) for model in self.models)
        return self.model_copy(update={"models": models})


def _with_provider_prices(model: Model, provider: Provider) -> Model:
    if not provider.fees and not provider.multipliers:
        return model
    schedules = []
    for schedule in model.schedules:
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


def load_catalog(path: Path) -> Catalog:
    """Reads and validates a catalog file.

    Raises:
        CatalogError: the file is missing, is not YAML, or breaks a rule.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506  # a safe loader
    except OSError as error:
        raise CatalogError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # ValueError: not UTF-8, or a date that does not exist.
        raise CatalogError(f"{path}: is not YAML: {error}") from error
    try:
        return Catalog.model_validate(document).with_provider_prices()
    except ValidationError as error:
        place, problem = problems_of(error)[0]
        raise CatalogError(f"{path}: {place or 'the file'}: {problem}") from error


class _Loader(yaml.SafeLoader):
    """Refuses a repeated key, because YAML would silently use the last of two prices."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:  # noqa: FBT001, FBT002
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value} appears twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)
