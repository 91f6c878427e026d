"""Converts the catalog to messages."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Final

from megarouter.admin.v1 import catalog_pb2
from megarouter.admin.v1.catalog_pb2 import (
    CategoryPrice,
    LongContextPrice,
    ModelDeployment,
    ModelPrice,
    PriceMultiplier,
    TokenCategory,
    UseFee,
)

from admin_service.api.names import MODELS, PROVIDERS
from admin_service.api.timestamps import timestamp
from admin_service.resources.catalog.store import ModelRow, PriceRow, ProviderRow
from gateway_core.model.catalog.entries import Deployment
from gateway_core.model.catalog.prices import Multiplier, Prices, PriceSchedule
from gateway_core.model.deployments.health import HEALTHY, Health

_DEGRADED_FROM: Final = 10
"""A provider is degraded if more than one call in this many failed."""


def model_message(row: ModelRow, health: Mapping[str, Health] | None) -> catalog_pb2.Model:
    """Returns the model as a resource.

    Args:
        row: the model.
        health: that of deployments, by place; None if it is not known.
    """
    model = row.model
    return catalog_pb2.Model(
        name=f"{MODELS}/{model.name}",
        provider=f"{PROVIDERS}/{model.provider}",
        upstream_name=model.upstream_name,
        endpoints=[endpoint.value for endpoint in model.endpoints],
        context_window_tokens=model.context_window_tokens,
        max_output_tokens=model.max_output_tokens,
        retired=not row.is_offered,
        current_price=price_message(row.price) if row.price else None,
        aliases=model.aliases,
        deployments=[deployment_message(one, health) for one in model.deployments],
    )


def deployment_message(deployment: Deployment, health: Mapping[str, Health] | None) -> ModelDeployment:
    """Returns a deployment of a model. `health` is that of places; None if it is not known."""
    state = ModelDeployment.STATE_UNSPECIFIED
    if health is not None:
        is_closed = health.get(deployment.place, HEALTHY).is_closed
        state = ModelDeployment.STATE_SERVING if is_closed else ModelDeployment.STATE_LEFT
    return ModelDeployment(
        provider=f"{PROVIDERS}/{deployment.provider}",
        upstream_name=deployment.upstream_name,
        weight=deployment.weight,
        priority=deployment.priority,
        region=deployment.region or "",
        state=state,
    )


def price_message(row: PriceRow) -> ModelPrice:
    """Returns a price version."""
    schedule = row.schedule
    message = ModelPrice(
        version=schedule.version,
        effective_time=timestamp(dt.datetime.combine(schedule.effective_date, dt.time(), dt.UTC)),
        create_time=timestamp(row.create_time),
        prices=_categories(schedule.prices),
        fees=_fees(schedule),
        multipliers=map(_multiplier, schedule.multipliers),
    )
    if schedule.long_context:
        prices = schedule.long_context.prices_nano_credits_per_million_tokens
        above = schedule.long_context.above_input_tokens
        message.long_context.CopyFrom(LongContextPrice(above_input_tokens=above, prices=_categories(prices)))
    return message


def provider_message(row: ProviderRow) -> catalog_pb2.Provider:
    """Returns the provider as a resource."""
    return catalog_pb2.Provider(
        name=f"{PROVIDERS}/{row.provider.name}",
        display_name=row.provider.display_name,
        dialects=sorted(dialect.value for dialect in row.provider.dialects),
        health=health_of(row.answered_count, row.failed_count),
        bills_after_disconnect=row.provider.bills_after_disconnect is not None,
    )


def health_of(answered_count: int, failed_count: int) -> catalog_pb2.Provider.Health.ValueType:
    """Returns the provider's health by its newest calls. The proto documents the thresholds."""
    call_count = answered_count + failed_count
    if not call_count:
        return catalog_pb2.Provider.HEALTH_UNKNOWN
    if 2 * failed_count > call_count:
        return catalog_pb2.Provider.HEALTH_FAILING
    if _DEGRADED_FROM * failed_count > call_count:
        return catalog_pb2.Provider.HEALTH_DEGRADED
    return catalog_pb2.Provider.HEALTH_HEALTHY


def _categories(prices: Prices) -> Iterable[CategoryPrice]:
    return [
        CategoryPrice(category=_category(category), price_nano_credits_per_million_tokens=price)
        for category, price in prices.by_category.items()
        if category not in prices.unpriced_categories
    ]


def _fees(schedule: PriceSchedule) -> Iterable[UseFee]:
    return [
        UseFee(name=name, price_nano_credits_per_use=fee, once_per_call=name in schedule.fees_once_per_call)
        for name, fee in sorted(schedule.fees.items())
    ]


def _multiplier(multiplier: Multiplier) -> PriceMultiplier:
    return PriceMultiplier(
        tier=multiplier.when.tier or "",
        speed=multiplier.when.speed or "",
        place=multiplier.when.place or "",
        numerator=multiplier.numerator,
        denominator=multiplier.denominator,
        categories=map(_category, multiplier.categories),
    )


def _category(name: str) -> TokenCategory.ValueType:
    return TokenCategory.Value(f"TOKEN_CATEGORY_{name.upper()}")
