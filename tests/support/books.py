"""Compares the mock provider's tally with usage records and ledger, call by call. Computes prices independently of the gateway."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import asyncpg

from gateway_core.model.catalog.entries import Catalog
from gateway_core.model.catalog.prices import Prices
from tests.support.data.tenants import Tenant

_FEES = {"audio_seconds": "audio_second", "characters": "character"}


def counted(call: Mapping[str, Any]) -> tuple[int, ...]:
    """Returns the provider's neutral token counts, in the order of `recorded`."""
    counts = call["counts"]
    return (
        counts["input_uncached"],
        counts["cache_read"],
        counts["cache_write_5m"],
        counts["cache_write_1h"],
        counts["output"],
    )


def recorded(record: Mapping[str, Any] | asyncpg.Record) -> tuple[int, ...]:
    """Returns a usage record's token counts. Input and output include sound and pictures, and output reasoning."""
    return (
        record["input_tokens"] + record["input_audio_tokens"] + record["input_image_tokens"],
        record["cache_read_tokens"],
        record["cache_write_5m_tokens"],
        record["cache_write_1h_tokens"],
        record["output_tokens"]
        + record["reasoning_tokens"]
        + record["output_image_tokens"]
        + record["output_audio_tokens"],
    )


def cost(call: Mapping[str, Any], catalog: Catalog, public_model: str) -> int:
    """Returns the cost of a call in nano-credits by the catalog file, computed without the gateway's pricing code."""
    counts = call["counts"]
    model = next(model for model in catalog.models if model.name == public_model)
    schedule = model.schedules[0]
    prices: Prices = schedule.prices
    total_input = counts["input_uncached"] + counts["cache_read"] + counts["cache_write_5m"] + counts["cache_write_1h"]
    if schedule.long_context and total_input > schedule.long_context.above_input_tokens:
        prices = schedule.long_context.prices_nano_credits_per_million_tokens
    usage = call["usage"] or {}
    audio = usage.get("input_token_details", {}).get("audio_tokens", 0)
    image = usage.get("input_tokens_details", {}).get("image_tokens", 0)
    lines = [
        (counts["input_uncached"] - audio - image, prices.input),
        (audio, _first(prices.input_audio, prices.input)),
        (image, _first(prices.input_image, prices.input)),
        (counts["cache_read"], _first(prices.cache_read, prices.input)),
        (counts["cache_write_5m"], _first(prices.cache_write_5m, prices.input)),
        (counts["cache_write_1h"], _first(prices.cache_write_1h, prices.cache_write_5m, prices.input)),
        (counts["output"] - counts["reasoning"], prices.output),
        (counts["reasoning"], _first(prices.reasoning, prices.output)),
    ]
    units = sum(count * schedule.fees[_FEES[unit]] for unit, count in call["units"].items())
    return int(units + sum((2 * tokens * price + 10**6) // (2 * 10**6) for tokens, price in lines))


async def assert_books_agree(
    tenant: Tenant, catalog: Catalog, calls: Iterable[dict[str, Any]], records: Iterable[asyncpg.Record], paid_in: int
) -> None:
    """Asserts that every call has one record with the same counts and its exact price, and that the ledger has the same total."""
    by_request = {call["request_id"]: call for call in calls}
    records = list(records)
    assert sorted(by_request) == sorted(record["request_id"] for record in records)
    total = 0
    for record in records:
        call = by_request[record["request_id"]]
        # No provider reports characters. The gateway counts them.
        assert record["source"] == ("estimated" if "characters" in call["units"] else "provider"), dict(record)
        assert recorded(record) == counted(call), (call, dict(record))
        expected = cost(call, catalog, record["requested_model"])
        assert record["charge_nano_credits"] == expected, (call, dict(record))
        assert sum(line[3] for line in json.loads(record["charge_lines"])) == expected
        total += expected
    assert await tenant.balance() == paid_in - total
    transfers = await tenant.database.fetchval(
        "SELECT coalesce(sum(amount_nano_credits), 0) FROM ledger_transfers WHERE organization_id = $1 AND kind = 'USAGE'",
        tenant.organization,
    )
    assert transfers == total


def _first(*candidates: int | None) -> int:
    return next(price for price in candidates if price is not None)
