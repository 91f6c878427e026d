"""The export in the columns of FOCUS 1.2."""

import datetime as dt
import json
from collections.abc import Mapping
from decimal import Decimal

import asyncpg

from admin_service.analytics.exports.exporting import (
    export_focus,
)
from tests.contract.admin_service.analytics.exports.exported import EVERYTHING, START, File, calls_of, charges, spent
from tests.contract.usage_service.settlement_cases import make_hold, make_settlement, prepare
from tests.support.usage.histories import UsageHistory
from usage_service.settlement.store import settle_batch


async def test_focus_rows_have_the_nulls_and_values_that_the_specification_allows(
    owner: asyncpg.Connection, reading: asyncpg.Pool, history: UsageHistory
) -> None:
    file = File()
    result = await export_focus(reading, EVERYTHING, file)
    assert charges(file.rows, "BilledCost") == charges(file.rows, "EffectiveCost") == await spent(owner)
    assert result.charge_nano_credits == await spent(owner)
    assert {row["PricingUnit"] for row in file.rows} == {"1000000 Tokens", "Requests"}
    for row in file.rows:
        assert_valid_focus(row)
    calls = {row["call_id"]: row for row in await calls_of(reading)}
    assert {row["x_CallId"] for row in file.rows} == {
        call for call, row in calls.items() if Decimal(row["charge_credits"])
    }
    assert {row["PublisherName"] for row in file.rows} == {"Acme", "zeta"}
    counted = {row["x_CallId"] for row in file.rows if row["ConsumedUnit"] == "Tokens"}
    tokens = sum(Decimal(row["ConsumedQuantity"]) for row in file.rows if row["ConsumedUnit"] == "Tokens")
    assert tokens == sum(int(calls[call]["total_tokens"]) for call in counted)


NEVER_NULL = (
    *("BilledCost", "BillingAccountId", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory"),
    *(
        "ChargeDescription",
        "ChargeFrequency",
        "ChargePeriodEnd",
        "ChargePeriodStart",
        "ContractedCost",
        "EffectiveCost",
    ),
    *(
        "InvoiceIssuerName",
        "ListCost",
        "PricingCurrency",
        "ProviderName",
        "PublisherName",
        "ServiceCategory",
        "ServiceName",
    ),
    "ServiceSubcategory",
)
OF_USAGE = (
    *("ConsumedQuantity", "ConsumedUnit", "ContractedUnitPrice", "ListUnitPrice", "PricingCategory", "PricingQuantity"),
    *("PricingUnit", "SkuId", "SkuMeter", "SkuPriceId", "PricingCurrencyListUnitPrice"),
)
"""Must not be null in rows of usage."""


def assert_valid_focus(row: Mapping[str, str]) -> None:
    assert [column for column in NEVER_NULL if not row[column]] == []
    is_usage = row["ChargeCategory"] == "Usage"
    assert all(bool(row[column]) == is_usage for column in OF_USAGE), row
    if is_usage:
        for price, cost in (("ListUnitPrice", "ListCost"), ("ContractedUnitPrice", "ContractedCost")):
            assert Decimal(row[price]) * Decimal(row["PricingQuantity"]) == Decimal(row[cost])
        assert abs(Decimal(row["ListCost"]) - Decimal(row["BilledCost"])) <= Decimal("5e-10")
    assert bool(row["SubAccountId"]) == bool(row["SubAccountName"]) == bool(row["SubAccountType"])
    assert bool(row["RegionId"]) == bool(row["RegionName"])
    times = [
        dt.datetime.strptime(row[f"{period}Period{end}"], "%Y-%m-%dT%H:%M:%S%z")
        for period in ("Billing", "Charge")
        for end in ("Start", "End")
    ]
    assert times[0] <= times[2] < times[3] <= times[1]
    assert (times[0].day, times[1].day, times[3] - times[2]) == (1, 1, dt.timedelta(hours=1))
    for column in ("Tags", "SkuPriceDetails"):
        assert not row[column] or all(isinstance(value, str) for value in json.loads(row[column]).values())
    # As the specification writes numbers: a sign for negative ones only, no exponent.
    for column in ("BilledCost", "ListCost", "PricingQuantity", "ListUnitPrice"):
        assert not row[column] or (row[column].lstrip("-").replace(".", "", 1).isdigit())


async def test_focus_shows_tools_special_tiers_and_lowered_charges(
    owner: asyncpg.Connection, reading: asyncpg.Pool
) -> None:
    await prepare(owner)
    await settle_batch(owner, [make_settlement(make_hold(placed_epoch_us=int(START.timestamp() * 1e6), group_path=()))])
    await owner.execute("SET session_replication_role = replica")  # records are immutable
    await owner.execute(
        "UPDATE usage_records SET service_tier = 'priority', place = 'us', charge_nano_credits = 20000005,"
        """ charge_lines = '[["input",3,1500000,5],["fee:web_search",2,15000000,30000000],["hold_ceiling",0,0,-10000000]]'"""
    )
    file = File()
    result = await export_focus(reading, EVERYTHING, file)
    for row in file.rows:
        assert_valid_focus(row)
    tokens, fee, ceiling = file.rows
    assert result.charge_nano_credits == 20_000_005 == charges(file.rows, "BilledCost")
    assert (tokens["ListCost"], tokens["BilledCost"], tokens["PricingQuantity"]) == (
        "0.0000000045",
        "0.000000005",
        "0.000003",
    )
    assert (tokens["SkuPriceId"], tokens["RegionId"]) == ("acme/acme-1/input;tier=priority;place=us", "us")
    assert (fee["ConsumedQuantity"], fee["PricingUnit"], fee["ListUnitPrice"]) == ("2.0", "Units", "0.015000000")
    assert (ceiling["ChargeCategory"], ceiling["BilledCost"], ceiling["ListCost"]) == (
        "Adjustment",
        "-0.010000000",
        "-0.010000000",
    )
    assert [row["SubAccountId"] for row in file.rows] == [""] * 3
