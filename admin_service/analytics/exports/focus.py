"""FOCUS 1.2 (FinOps Open Cost and Usage Specification): one row for each line of a call's charge."""

import datetime as dt
import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from admin_service.analytics.exports.call_rows import CallRow
from admin_service.analytics.exports.cells import amount, decimal, whole_second
from admin_service.analytics.exports.csv_stream import Cell, Column
from admin_service.analytics.exports.focus_lines import (
    FocusRow,
    description,
    hour,
    meter,
    month,
    next_month,
    price_details,
    region,
    sku_price,
    tags,
)

_SELLER: Final = "MegaRouter"
_HOUR: Final = dt.timedelta(hours=1)


class _Scope(enum.Enum):
    """What a cell is the same for."""

    FILE = enum.auto()
    CALL = enum.auto()
    LINE = enum.auto()


@dataclass(frozen=True, slots=True)
class FocusColumn(Column[FocusRow]):
    """A column, and what its cells are the same for."""

    scope: _Scope = _Scope.LINE
    fixed: str | None = None


def _of_call(name: str, meaning: str, value: Callable[[FocusRow], Cell], *, is_text: bool = False) -> FocusColumn:
    return FocusColumn(name, meaning, value, is_text, _Scope.CALL)


def _of_line(name: str, meaning: str, value: Callable[[FocusRow], Cell]) -> FocusColumn:
    return FocusColumn(name, meaning, value)


def _fixed(name: str, meaning: str, value: str | None) -> FocusColumn:
    return FocusColumn(name, meaning, lambda _row: value, scope=_Scope.FILE, fixed=value)


def _null(name: str, why: str) -> FocusColumn:
    return _fixed(name, f"null: {why}", None)


def _for_usage(value: Callable[[FocusRow], Cell]) -> Callable[[FocusRow], Cell]:
    """Null for what is no price times a quantity."""
    return lambda row: value(row) if row.is_usage else None


_NO_COMMITMENT: Final = "there are no commitment discounts"
_NO_RESERVATION: Final = "there are no capacity reservations"

FOCUS_COLUMNS: Final[tuple[FocusColumn, ...]] = (
    _null("AvailabilityZone", "not known"),
    _of_line("BilledCost", "the line of the charge as it is in the ledger", lambda row: amount(row.amount)),
    _of_call("BillingAccountId", "the organization", lambda row: row.snapshot.organization),
    _of_call(
        "BillingAccountName",
        "its name at the position of the export",
        lambda row: row.snapshot.display_name,
        is_text=True,
    ),
    _fixed("BillingAccountType", "`Organization`", "Organization"),
    _fixed("BillingCurrency", "`USD`: a credit is one US dollar", "USD"),
    _of_call(
        "BillingPeriodEnd",
        "first instant of the next calendar month in UTC",
        lambda row: whole_second(next_month(row)),
    ),
    _of_call("BillingPeriodStart", "first instant of the calendar month in UTC", lambda row: whole_second(month(row))),
    _null("CapacityReservationId", _NO_RESERVATION),
    _null("CapacityReservationStatus", _NO_RESERVATION),
    _of_line(
        "ChargeCategory",
        "`Usage`; `Adjustment` where the charge was lowered to the amount reserved for the call",
        lambda row: "Usage" if row.is_usage else "Adjustment",
    ),
    _null("ChargeClass", "a correction replaces the lines of its call, so no row is one"),
    _of_line("ChargeDescription", "model, count and category in words", description),
    _fixed("ChargeFrequency", "`Usage-Based`", "Usage-Based"),
    _of_call("ChargePeriodEnd", "end of that hour", lambda row: whole_second(hour(row) + _HOUR)),
    _of_call(
        "ChargePeriodStart", "start of the hour in UTC in which the call began", lambda row: whole_second(hour(row))
    ),
    _null("CommitmentDiscountCategory", _NO_COMMITMENT),
    _null("CommitmentDiscountId", _NO_COMMITMENT),
    _null("CommitmentDiscountName", _NO_COMMITMENT),
    _null("CommitmentDiscountQuantity", _NO_COMMITMENT),
    _null("CommitmentDiscountStatus", _NO_COMMITMENT),
    _null("CommitmentDiscountType", _NO_COMMITMENT),
    _null("CommitmentDiscountUnit", _NO_COMMITMENT),
    _of_line(
        "ConsumedQuantity",
        "tokens, uses of a tool, or 1 request without a report; null for `Adjustment`",
        _for_usage(lambda row: decimal(row.used, 0)),
    ),
    _of_line(
        "ConsumedUnit",
        "`Tokens`; `Units` of a tool; `Requests` without a report; null for `Adjustment`",
        _for_usage(lambda row: row.unit),
    ),
    _of_line("ContractedCost", "as `ListCost`", lambda row: row.exact_cost),
    _of_line("ContractedUnitPrice", "as `ListUnitPrice`", _for_usage(lambda row: amount(row.unit_price))),
    _of_line("EffectiveCost", "as `BilledCost`", lambda row: amount(row.amount)),
    _null("InvoiceId", "usage is paid from credits, and invoices are for credits"),
    _fixed("InvoiceIssuerName", "`MegaRouter`", _SELLER),
    _of_line(
        "ListCost",
        "`ListUnitPrice` times `PricingQuantity`, not rounded; `BilledCost` for `Adjustment`",
        lambda row: row.exact_cost,
    ),
    _of_line(
        "ListUnitPrice",
        "price of one `PricingUnit`; null for `Adjustment`",
        _for_usage(lambda row: amount(row.unit_price)),
    ),
    _of_line(
        "PricingCategory",
        "`Standard`; `Other` for the reserved amount of a call without a report; null for `Adjustment`",
        _for_usage(lambda row: "Other" if row.is_flat else "Standard"),
    ),
    _fixed("PricingCurrency", "`USD`", "USD"),
    _of_line(
        "PricingCurrencyContractedUnitPrice", "as `ContractedUnitPrice`", _for_usage(lambda row: amount(row.unit_price))
    ),
    _of_line("PricingCurrencyEffectiveCost", "as `EffectiveCost`", lambda row: amount(row.amount)),
    _of_line("PricingCurrencyListUnitPrice", "as `ListUnitPrice`", _for_usage(lambda row: amount(row.unit_price))),
    _of_line(
        "PricingQuantity",
        "millions of tokens, or as `ConsumedQuantity`; null for `Adjustment`",
        _for_usage(lambda row: row.quantity),
    ),
    _of_line(
        "PricingUnit",
        "`1000000 Tokens`, or as `ConsumedUnit`; null for `Adjustment`",
        _for_usage(lambda row: "1000000 Tokens" if row.is_tokens else row.unit),
    ),
    _fixed("ProviderName", "`MegaRouter`", _SELLER),
    _of_call("PublisherName", "name of the provider that answered", lambda row: row.publisher, is_text=True),
    _of_call(
        "RegionId",
        "the place of processing, if it has a price of its own",
        region,
        is_text=True,
    ),
    _of_call("RegionName", "as `RegionId`", region, is_text=True),
    _of_call("ResourceId", "the API key", lambda row: row.call.record["api_key_id"]),
    _of_call("ResourceName", "its name at the moment of the call", lambda row: row.call.api_key_name, is_text=True),
    _fixed("ResourceType", "`API Key`", "API Key"),
    _fixed("ServiceCategory", "`AI and Machine Learning`", "AI and Machine Learning"),
    _of_call(
        "ServiceName",
        "name of the provider that answered, and ` models`",
        lambda row: f"{row.publisher} models",
        is_text=True,
    ),
    _fixed("ServiceSubcategory", "`Generative AI`", "Generative AI"),
    _of_line(
        "SkuId",
        "provider, model and category, separated by `/`; null for `Adjustment`",
        _for_usage(lambda row: row.sku),
    ),
    _of_line("SkuMeter", "the category that is counted; null for `Adjustment`", _for_usage(meter)),
    _of_line(
        "SkuPriceDetails",
        "JSON: model, category, and a special tier, speed or place; null for `Adjustment`",
        _for_usage(price_details),
    ),
    _of_line("SkuPriceId", "`SkuId`, and a special tier, speed or place; null for `Adjustment`", _for_usage(sku_price)),
    _of_call("SubAccountId", "the group that the member was directly in, or null", lambda row: row.call.group_id),
    _of_call("SubAccountName", "its name at the moment of the call", lambda row: row.call.group_name, is_text=True),
    _of_call("SubAccountType", "`Group`; null outside groups", lambda row: "Group" if row.call.group_id else None),
    _of_call(
        "Tags",
        "JSON: the tags of the call, and `megarouter/` and `member`, `member_name`, `group_path`, `endpoint`, `status`",
        tags,
    ),
    _of_call("x_CallId", "id of the call", lambda row: row.call.record["hold_id"]),
    _of_call(
        "x_LedgerSequence",
        "number of the call's record in the ledger; rows are in this order",
        lambda row: row.call.record["sequence"],
    ),
    _of_line("x_LineNumber", "number of the line in the charge of the call", lambda row: row.number),
)
"""The columns of FOCUS 1.2 in alphabetical order, and three of our own."""

_FIXED: Final[list[Cell]] = [column.fixed for column in FOCUS_COLUMNS]
_OF_CALL: Final = [(place, column.value) for place, column in enumerate(FOCUS_COLUMNS) if column.scope is _Scope.CALL]
_OF_LINE: Final = [(place, column.value) for place, column in enumerate(FOCUS_COLUMNS) if column.scope is _Scope.LINE]


def focus_cells(rows: Iterable[FocusRow]) -> Iterable[list[Cell]]:
    """Returns the cells of lines. What all lines of a call have in common is made once."""
    call: CallRow | None = None
    common: list[Cell] = []
    for row in rows:
        if row.call is not call:
            call, common = row.call, _FIXED.copy()
            for place, value in _OF_CALL:
                common[place] = value(row)
        cells = common.copy()
        for place, value in _OF_LINE:
            cells[place] = value(row)
        yield cells
