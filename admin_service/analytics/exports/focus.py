"""FOCUS 1.2 (FinOps Open Cost and Usage Specification): one row for each line of a call's charge."""

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from admin_service.analytics.exports.call_rows import CallRow
from admin_service.analytics.exports.cells import NO_VALUE, amount, decimal, whole_second
from admin_service.analytics.exports.csv_stream import Column
from admin_service.analytics.exports.reading import Snapshot
from gateway_core.model.catalog.pricing import FEE_PREFIX
from gateway_core.model.catalog.service import Service

FOCUS_VERSION: Final = "1.2"
_SELLER: Final = "MegaRouter"
_HOUR: Final = dt.timedelta(hours=1)
_TOKEN_PLACES: Final = 6
"""Prices are for a million tokens."""
_CREDIT_PLACES: Final = 9
_TAG_PREFIX: Final = "megarouter/"


@dataclass(frozen=True, slots=True)
class FocusRow:
    """One line of the charge of a call."""

    call: CallRow
    snapshot: Snapshot
    publisher: str
    number: int
    """Of the line in its call, from 1."""
    category: str
    count: int
    price: int
    """Nano-credits for a million tokens, or for one use of a tool."""
    amount: int
    """Nano-credits."""

    @property
    def is_usage(self) -> bool:
        """Whether this is a price times a quantity. Otherwise it lowers the charge to the amount of the hold."""
        return self.count > 0

    @property
    def is_fee(self) -> bool:
        """Whether uses of a hosted tool are counted, and not tokens."""
        return self.category.startswith(FEE_PREFIX)

    @property
    def quantity(self) -> str:
        """How many times the unit price is paid."""
        return decimal(self.count, 0 if self.is_fee else _TOKEN_PLACES)

    @property
    def exact_cost(self) -> str:
        """Quantity times unit price, before it is rounded to nano-credits."""
        places = _CREDIT_PLACES + (0 if self.is_fee else _TOKEN_PLACES)
        return decimal(self.count * self.price, places) if self.is_usage else amount(self.amount)

    @property
    def sku(self) -> str:
        """The id of what was sold: a category of tokens of a model, or a tool of it."""
        record = self.call.record
        return f"{record['provider_id']}/{record['requested_model']}/{self.category}"


def focus_rows(calls: Iterable[CallRow], snapshot: Snapshot, publishers: Mapping[str, str]) -> Iterable[FocusRow]:
    """Returns a row for each line of the charges. Calls that cost nothing have none.

    Args:
        calls: with the column `charge_lines`.
        snapshot: that they were read in.
        publishers: display names of providers by id.
    """
    for call in calls:
        provider = call.record["provider_id"]
        publisher = publishers.get(provider, provider)
        lines = json.loads(call.record["charge_lines"])
        for number, (category, count, price, nano_credits) in enumerate(lines, 1):
            yield FocusRow(call, snapshot, publisher, number, category, count, price, nano_credits)


def _month(row: FocusRow) -> dt.datetime:
    return row.call.record["place_time"].astimezone(dt.UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)  # type: ignore[no-any-return]


def _next_month(row: FocusRow) -> dt.datetime:
    start = _month(row)
    return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)


def _hour(row: FocusRow) -> dt.datetime:
    return row.call.record["place_time"].astimezone(dt.UTC).replace(minute=0, second=0, microsecond=0)  # type: ignore[no-any-return]


def _sku_price(row: FocusRow) -> str:
    record = row.call.record
    service = Service(record["service_tier"], record["speed"], record["place"])
    return "".join([row.sku, *(f";{name}={value}" for name, value in service.special())])


def _meter(row: FocusRow) -> str:
    if row.is_fee:
        return f"{row.category.removeprefix(FEE_PREFIX)} fee"
    return f"{row.category} tokens"


def _unit(row: FocusRow) -> str:
    return "Units" if row.is_fee else "Tokens"


def _description(row: FocusRow) -> str:
    record = row.call.record
    if not row.is_usage:
        return f"{record['requested_model']}: charge lowered to the amount reserved for the call"
    return f"{record['requested_model']}: {row.count} {_meter(row)}"


def _price_details(row: FocusRow) -> str:
    record = row.call.record
    properties = {"Model": record["requested_model"], "Category": row.category}
    service = Service(record["service_tier"], record["speed"], record["place"])
    properties.update({name.capitalize(): value for name, value in service.special()})
    return _json(properties)


def _tags(row: FocusRow) -> str:
    record = row.call.record
    tags = {
        "member": record["member_id"],
        "member_name": row.call.member_name,
        "group_path": "/".join(record["group_path"]),
        "endpoint": record["endpoint"],
        "status": record["outcome"],
    }
    return _json({f"{_TAG_PREFIX}{name}": value for name, value in tags.items() if value})


def _json(values: Mapping[str, str]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def _for_usage(value: Callable[[FocusRow], str]) -> Callable[[FocusRow], str]:
    """Null for what is no price times a quantity."""
    return lambda row: value(row) if row.is_usage else NO_VALUE


def _always(text: str) -> Callable[[FocusRow], str]:
    return lambda _row: text


def _null(name: str, why: str) -> Column[FocusRow]:
    return Column(name, f"null: {why}", _always(NO_VALUE))


def _price(row: FocusRow) -> str:
    return amount(row.price)


def _billed(row: FocusRow) -> str:
    return amount(row.amount)


def _exact(row: FocusRow) -> str:
    return row.exact_cost


_NO_COMMITMENT: Final = "there are no commitment discounts"
_NO_RESERVATION: Final = "there are no capacity reservations"

FOCUS_COLUMNS: Final[tuple[Column[FocusRow], ...]] = (
    _null("AvailabilityZone", "not known"),
    Column("BilledCost", "the line of the charge as it is in the ledger", _billed),
    Column("BillingAccountId", "the organization", lambda row: row.snapshot.organization),
    Column(
        "BillingAccountName",
        "its name at the position of the export",
        lambda row: row.snapshot.display_name,
        is_text=True,
    ),
    Column("BillingAccountType", "`Organization`", _always("Organization")),
    Column("BillingCurrency", "`USD`: a credit is one US dollar", _always("USD")),
    Column(
        "BillingPeriodEnd",
        "first instant of the next calendar month in UTC",
        lambda row: whole_second(_next_month(row)),
    ),
    Column("BillingPeriodStart", "first instant of the calendar month in UTC", lambda row: whole_second(_month(row))),
    _null("CapacityReservationId", _NO_RESERVATION),
    _null("CapacityReservationStatus", _NO_RESERVATION),
    Column(
        "ChargeCategory",
        "`Usage`; `Adjustment` where the charge was lowered to the amount reserved for the call",
        lambda row: "Usage" if row.is_usage else "Adjustment",
    ),
    _null("ChargeClass", "a correction replaces the lines of its call, so no row is one"),
    Column("ChargeDescription", "model, count and category in words", _description),
    Column("ChargeFrequency", "`Usage-Based`", _always("Usage-Based")),
    Column("ChargePeriodEnd", "end of that hour", lambda row: whole_second(_hour(row) + _HOUR)),
    Column(
        "ChargePeriodStart", "start of the hour in UTC in which the call began", lambda row: whole_second(_hour(row))
    ),
    _null("CommitmentDiscountCategory", _NO_COMMITMENT),
    _null("CommitmentDiscountId", _NO_COMMITMENT),
    _null("CommitmentDiscountName", _NO_COMMITMENT),
    _null("CommitmentDiscountQuantity", _NO_COMMITMENT),
    _null("CommitmentDiscountStatus", _NO_COMMITMENT),
    _null("CommitmentDiscountType", _NO_COMMITMENT),
    _null("CommitmentDiscountUnit", _NO_COMMITMENT),
    Column(
        "ConsumedQuantity", "tokens, or uses of a tool; null for `Adjustment`", _for_usage(lambda row: decimal(row.count, 0))
    ),
    Column("ConsumedUnit", "`Tokens` or `Units`; null for `Adjustment`", _for_usage(_unit)),
    Column("ContractedCost", "as `ListCost`", _exact),
    Column("ContractedUnitPrice", "as `ListUnitPrice`", _for_usage(_price)),
    Column("EffectiveCost", "as `BilledCost`", _billed),
    _null("InvoiceId", "usage is paid from credits, and invoices are for credits"),
    Column("InvoiceIssuerName", "`MegaRouter`", _always(_SELLER)),
    Column("ListCost", "`ListUnitPrice` times `PricingQuantity`, not rounded; `BilledCost` for `Adjustment`", _exact),
    Column("ListUnitPrice", "price of a million tokens or of one use; null for `Adjustment`", _for_usage(_price)),
    Column("PricingCategory", "`Standard`; null for `Adjustment`", _for_usage(_always("Standard"))),
    Column("PricingCurrency", "`USD`", _always("USD")),
    Column("PricingCurrencyContractedUnitPrice", "as `ContractedUnitPrice`", _for_usage(_price)),
    Column("PricingCurrencyEffectiveCost", "as `EffectiveCost`", _billed),
    Column("PricingCurrencyListUnitPrice", "as `ListUnitPrice`", _for_usage(_price)),
    Column(
        "PricingQuantity",
        "millions of tokens, or uses of a tool; null for `Adjustment`",
        _for_usage(lambda row: row.quantity),
    ),
    Column(
        "PricingUnit",
        "`1000000 Tokens` or `Units`; null for `Adjustment`",
        _for_usage(lambda row: "Units" if row.is_fee else "1000000 Tokens"),
    ),
    Column("ProviderName", "`MegaRouter`", _always(_SELLER)),
    Column("PublisherName", "name of the provider that answered", lambda row: row.publisher, is_text=True),
    Column(
        "RegionId",
        "the place of processing that the provider reports, or null",
        lambda row: row.call.record["place"] or NO_VALUE,
        is_text=True,
    ),
    Column("RegionName", "as `RegionId`", lambda row: row.call.record["place"] or NO_VALUE, is_text=True),
    Column("ResourceId", "the API key", lambda row: row.call.record["api_key_id"]),
    Column("ResourceName", "its name at the moment of the call", lambda row: row.call.api_key_name, is_text=True),
    Column("ResourceType", "`API Key`", _always("API Key")),
    Column("ServiceCategory", "`AI and Machine Learning`", _always("AI and Machine Learning")),
    Column(
        "ServiceName",
        "name of the provider that answered, and ` models`",
        lambda row: f"{row.publisher} models",
        is_text=True,
    ),
    Column("ServiceSubcategory", "`Generative AI`", _always("Generative AI")),
    Column(
        "SkuId",
        "provider, model and category, separated by `/`; null for `Adjustment`",
        _for_usage(lambda row: row.sku),
    ),
    Column("SkuMeter", "the category that is counted; null for `Adjustment`", _for_usage(_meter)),
    Column(
        "SkuPriceDetails",
        "JSON: model, category, and a special tier, speed or place; null for `Adjustment`",
        _for_usage(_price_details),
    ),
    Column("SkuPriceId", "`SkuId`, and a special tier, speed or place; null for `Adjustment`", _for_usage(_sku_price)),
    Column("SubAccountId", "the group that the member was directly in, or null", lambda row: row.call.group_id),
    Column("SubAccountName", "its name at the moment of the call", lambda row: row.call.group_name, is_text=True),
    Column("SubAccountType", "`Group`; null outside groups", lambda row: "Group" if row.call.group_id else NO_VALUE),
    Column("Tags", "JSON: `megarouter/` and `member`, `member_name`, `group_path`, `endpoint`, `status`", _tags),
    Column("x_CallId", "id of the call", lambda row: row.call.record["hold_id"]),
    Column(
        "x_LedgerSequence",
        "number of the call's record in the ledger; rows are in this order",
        lambda row: str(row.call.record["sequence"]),
    ),
    Column("x_LineNumber", "number of the line in the charge of the call", lambda row: str(row.number)),
)
"""The columns of FOCUS 1.2 in alphabetical order, and three of our own."""
