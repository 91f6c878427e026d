"""Reads the catalog from PostgreSQL."""

import datetime as dt
import json
from dataclasses import dataclass
from typing import Final

from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.model.catalog.providers.provider import Provider

# The current price is the one that `Model.schedule_at` picks.
MODEL_COLUMNS: Final = "m.definition, m.offered, p.version, p.effective_date, p.create_time, p.prices"
MODEL_SOURCE: Final = """
models m LEFT JOIN LATERAL (
    SELECT v.version, v.effective_date, v.create_time, v.prices FROM price_versions v
     WHERE v.model_name = m.model_name AND v.effective_date <= (now() AT TIME ZONE 'UTC')::date
     ORDER BY v.effective_date DESC, v.version DESC LIMIT 1) p ON true
"""
PRICE_COLUMNS: Final = "p.version, p.effective_date, p.create_time, p.prices"
PRICE_SOURCE: Final = "price_versions p"
PROVIDER_COLUMNS: Final = "p.definition, coalesce(h.answered_count, 0), coalesce(h.failed_count, 0)"
# Reads across organizations, but only two numbers for each provider: see `provider_outcomes` in the schema.
PROVIDER_SOURCE: Final = "providers p LEFT JOIN provider_outcomes() h ON h.provider_id = p.provider_id"


@dataclass(frozen=True, slots=True)
class PriceRow:
    """A stored price version."""

    schedule: PriceSchedule
    create_time: dt.datetime


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model with its current price."""

    model: Model
    is_offered: bool
    price: PriceRow | None


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """A provider, and how its newest calls ended."""

    provider: Provider
    answered_count: int
    failed_count: int


def price_row(version: int, effective_date: dt.date, create_time: dt.datetime, prices: str) -> PriceRow:
    """Makes a row from `PRICE_COLUMNS`."""
    values = {"version": version, "effective_date": effective_date, **json.loads(prices)}
    return PriceRow(PriceSchedule.model_validate(values), create_time)


def model_row(
    definition: str,
    is_offered: bool,  # noqa: FBT001 - a column
    version: int | None,
    effective_date: dt.date,
    create_time: dt.datetime,
    prices: str,
) -> ModelRow:
    """Makes a row from `MODEL_COLUMNS`."""
    price = None if version is None else price_row(version, effective_date, create_time, prices)
    return ModelRow(Model.model_validate_json(definition), is_offered, price)


def provider_row(definition: str, answered_count: int, failed_count: int) -> ProviderRow:
    """Makes a row from `PROVIDER_COLUMNS`."""
    return ProviderRow(Provider.model_validate_json(definition), answered_count, failed_count)
