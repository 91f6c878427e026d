"""The pricing of every call, streamed or not."""

from itertools import compress
from typing import Final

from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.model.catalog.service import STANDARD, Service
from gateway_core.model.catalog.token_usage import TokenUsage, token_counts
from gateway_core.model.money import charge_nano_credits
from gateway_core.model.record_decorator import record

FEE_PREFIX: Final = "fee:"
"""Begins the category of a line that charges uses of a hosted tool: `fee:web_search`."""


@record(frozen=True, slots=True)
class ChargeLine:
    """One line of a charge: the tokens of a category, or the uses of a hosted tool. Rounding happens only here."""

    category: str
    count: int
    """Tokens, or uses in a line of a fee."""
    price_nano_credits: int
    """Per million tokens, or per use in a line of a fee. Multipliers of the service are included."""
    amount_nano_credits: int


def charge_lines(usage: TokenUsage, schedule: PriceSchedule, service: Service = STANDARD) -> tuple[ChargeLine, ...]:
    """Returns the charge of a call: a line for each category that has tokens, and for each fee that has uses.

    The charge is the sum of its lines. What `unpriced` reports costs the base price, and nothing if it is a fee.

    Args:
        usage: what the call used.
        schedule: the prices in force when the call was placed.
        service: the tier, speed and place that the provider reported.
    """
    schedule = schedule.for_service(service)
    prices = schedule.prices_for(usage.total_input).by_category
    counts = token_counts(usage)
    lines = [
        ChargeLine(category, count, price, charge_nano_credits(count, price))
        for count, (category, price) in compress(zip(counts, prices.items(), strict=True), counts)
    ]
    return (*lines, *_fee_lines(usage, schedule)) if usage.uses else tuple(lines)


def _fee_lines(usage: TokenUsage, schedule: PriceSchedule) -> tuple[ChargeLine, ...]:
    lines = []
    for name, use_count in usage.uses:
        fee = schedule.fees.get(name)
        if use_count and fee is not None:
            count = 1 if name in schedule.fees_once_per_call else use_count
            lines.append(ChargeLine(f"{FEE_PREFIX}{name}", count, fee, count * fee))
    return tuple(lines)


def total_nano_credits(lines: tuple[ChargeLine, ...]) -> int:
    """Returns the charge: the sum of its lines."""
    return sum(line.amount_nano_credits for line in lines)
