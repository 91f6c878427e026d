"""The catalog: providers, models, their limits, and their prices with effective dates.

This module validates the YAML form (`deploy/catalog/catalog.yaml`). PostgreSQL keeps every price version ever used
(INV-11).
"""

import datetime as dt
from collections.abc import Hashable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gateway_core.model.endpoints import Dialect, Endpoint

PriceNanoCredits = Annotated[int, Field(ge=0, le=10**15, strict=True)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}$")]
TokenLimit = Annotated[int, Field(ge=0, le=10**7, strict=True)]
"""At most 10^7, so that with prices of at most 10^15 and 128 choices the amount of any hold fits into 64 bits."""
Slug = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$")]


class CatalogError(Exception):
    """The catalog cannot be read. The message names the place and says what to change."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Prices(_Entry):
    """Nano-credits per million tokens, by token category.

    A category without a price costs what its base category costs.
    """

    input: PriceNanoCredits
    cache_read: PriceNanoCredits | None = None
    cache_write_5m: PriceNanoCredits | None = None
    cache_write_1h: PriceNanoCredits | None = None
    output: PriceNanoCredits
    reasoning: PriceNanoCredits | None = None

    @cached_property
    def dearest(self) -> tuple[int, int]:
        """The highest price of an input category and the highest price of an output category."""
        inputs = (self.input, self.cache_read, self.cache_write_5m, self.cache_write_1h)
        return max(price for price in inputs if price is not None), max(self.output, self.reasoning or 0)


class LongContextPrices(_Entry):
    """Prices that replace the standard ones for a whole call whose input exceeds a size."""

    above_input_tokens: Annotated[TokenLimit, Field(gt=0)]
    prices_nano_credits_per_million_tokens: Prices


class PriceSchedule(_Entry):
    """The prices of a model from a date on. The database assigns `version`; 0 means not yet stored."""

    version: int = 0
    effective_date: dt.date
    prices: Prices
    long_context: LongContextPrices | None = None

    def prices_for(self, input_token_count: int) -> Prices:
        """Returns the prices of a call with this many input tokens in total."""
        if self.long_context and input_token_count > self.long_context.above_input_tokens:
            return self.long_context.prices_nano_credits_per_million_tokens
        return self.prices


class Provider(_Entry):
    """A company or server that answers model calls."""

    name: Slug
    display_name: str
    credential_env: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    credential_header: Literal["authorization", "x-api-key", "x-goog-api-key"]
    stream_options: bool
    chat_output_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """The field of Chat Completions in which the provider takes an output limit."""
    dialects: Annotated[dict[Dialect, str], Field(min_length=1)]

    @property
    def cluster(self) -> str:
        """The name of the Envoy cluster that reaches the provider."""
        return f"provider-{self.name}"

    def base_path(self, dialect: Dialect) -> str:
        """Returns the path prefix of the provider's API in this dialect, without a trailing slash."""
        return urlsplit(self.dialects[dialect]).path.rstrip("/")

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


class Model(_Entry):
    """A model that members may call by its public name."""

    name: Name
    provider: Slug
    upstream_name: Name
    endpoints: Annotated[tuple[Endpoint, ...], Field(min_length=1)]
    context_window_tokens: Annotated[TokenLimit, Field(gt=0)]
    max_output_tokens: TokenLimit
    default_output_reserve_tokens: TokenLimit
    schedules: tuple[PriceSchedule, ...] = ()

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
        }
        return {**data, "schedules": (schedule,)}

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


class Catalog(_Entry):
    """Providers and models. Each name is unique."""

    version: Literal[1] = 1
    providers: tuple[Provider, ...]
    models: tuple[Model, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _refuse_repeats("provider", (provider.name for provider in self.providers))
        _refuse_repeats("model", (model.name for model in self.models))
        providers = {provider.name: provider for provider in self.providers}
        for model in self.models:
            provider = providers.get(model.provider)
            if provider is None:
                raise ValueError(f"model {model.name}: provider {model.provider} is not in the catalog")
            missing = {endpoint.dialect for endpoint in model.endpoints} - provider.dialects.keys()
            if missing:
                raise ValueError(
                    f"model {model.name}: provider {model.provider} does not speak {', '.join(sorted(missing))}"
                )
        return self


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
        return Catalog.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise CatalogError(f"{path}: {place}: {first['msg']}") from error


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
