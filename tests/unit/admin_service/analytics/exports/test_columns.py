"""The guide lists the columns of every format as they are in the code."""

import os
import re
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from admin_service.analytics.exports.calls import CALL_COLUMNS
from admin_service.analytics.exports.csv_stream import Column
from admin_service.analytics.exports.focus import FOCUS_COLUMNS
from admin_service.analytics.exports.usage import DIMENSION_COLUMNS, FIXED_USAGE_COLUMNS
from admin_service.analytics.query import Dimension
from tests.support.repository import ROOT

TABLE = r"^\| (?:column|dimension) \|.*\n(?:^\|.*\n)+"
"""A table of columns. The guide has others, too."""
GUIDE = ROOT / "docs" / "guides" / "exports.md"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)


def columns(of: Sequence[Column[Any]]) -> str:
    return table(("column", "meaning"), ((f"`{column.name}`", column.meaning) for column in of))


TABLES = {
    "calls": columns(CALL_COLUMNS),
    "usage": columns(FIXED_USAGE_COLUMNS),
    "dimensions": table(
        ("dimension", "columns"),
        (
            (f"`{dimension}`", ", ".join(f"`{name}`" for name in names))
            for dimension, names in DIMENSION_COLUMNS.items()
        ),
    ),
    "focus": columns(FOCUS_COLUMNS),
}


if os.environ.get("UPDATE_GOLDEN") == "1":
    tables = iter(TABLES.values())
    text = re.sub(TABLE, lambda _: f"{next(tables)}\n", GUIDE.read_text("utf-8"), flags=re.MULTILINE)
    GUIDE.write_text(text, "utf-8")


@pytest.mark.parametrize("name", TABLES)
def test_the_guide_has_the_columns_of_the_code(name: str) -> None:
    tables = re.findall(TABLE, GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert tables[list(TABLES).index(name)].rstrip() == TABLES[name], "run with UPDATE_GOLDEN=1, and review"


FOCUS_1_2 = """
    AvailabilityZone BilledCost BillingAccountId BillingAccountName BillingAccountType BillingCurrency BillingPeriodEnd
    BillingPeriodStart CapacityReservationId CapacityReservationStatus ChargeCategory ChargeClass ChargeDescription
    ChargeFrequency ChargePeriodEnd ChargePeriodStart CommitmentDiscountCategory CommitmentDiscountId CommitmentDiscountName
    CommitmentDiscountQuantity CommitmentDiscountStatus CommitmentDiscountType CommitmentDiscountUnit ConsumedQuantity
    ConsumedUnit ContractedCost ContractedUnitPrice EffectiveCost InvoiceId InvoiceIssuerName ListCost ListUnitPrice
    PricingCategory PricingCurrency PricingCurrencyContractedUnitPrice PricingCurrencyEffectiveCost
    PricingCurrencyListUnitPrice PricingQuantity PricingUnit ProviderName PublisherName RegionId RegionName ResourceId
    ResourceName ResourceType ServiceCategory ServiceName ServiceSubcategory SkuId SkuMeter SkuPriceDetails SkuPriceId
    SubAccountId SubAccountName SubAccountType Tags
"""
"""The columns of the specification."""


def test_focus_has_every_column_of_the_specification_and_marks_its_own() -> None:
    names = [column.name for column in FOCUS_COLUMNS]
    ours = [name for name in names if name.startswith("x_")]
    assert names == FOCUS_1_2.split() + ours


def test_every_dimension_has_columns() -> None:
    assert set(DIMENSION_COLUMNS) == set(Dimension)


def test_no_column_of_ids_is_escaped() -> None:
    every: list[Column[Any]] = [*CALL_COLUMNS, *FOCUS_COLUMNS]
    for column in every:
        if column.name.lower().endswith("id") and column.name not in {"provider_response_id", "RegionId"}:
            assert not column.is_text, column.name
