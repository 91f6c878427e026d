"""The pricing of every call, streamed or not, and the estimate that a hold reserves."""

from typing import Final

from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.model.catalog.request_size import RequestSize, input_bounds_of
from gateway_core.model.catalog.service import STANDARD, Service
from gateway_core.model.catalog.token_usage import TokenUsage, token_counts
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.money import charge_nano_credits
from gateway_core.model.record_decorator import record

FEE_PREFIX: Final = "fee:"
"""Begins the category of a line that charges uses of a hosted tool: `fee:web_search`."""

_MAX_AMOUNT_NANO_CREDITS: Final = 4 * 10**18
"""Fits into 64 bits, and no credit is as high."""


@record(frozen=True, slots=True)
class ChargeLine:
    """One line of a charge: the tokens of a category, or the uses of a hosted tool. Rounding happens only here."""

    category: str
    count: int
    """Tokens, or uses in a line of a fee."""
    price_nano_credits: int
    """Per million tokens, or per use in a line of a fee. Multipliers of the service are included."""
    amount_nano_credits: int


@record(frozen=True, slots=True)
class Estimate:
    """What a hold reserves: numbers of tokens and their price in nano-credits."""

    input_tokens: int
    output_tokens: int
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
    lines = [
        ChargeLine(category, count, price, charge_nano_credits(count, price))
        for count, (category, price) in zip(token_counts(usage), prices.items(), strict=True)
        if count
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


def estimate(
    model: Model,
    schedule: PriceSchedule,
    endpoint: Endpoint,
    *,
    body_bytes: int,
    bytes_per_token: int,
    output_limit: int | None,
    choices: int,
    size: RequestSize | None = None,
) -> Estimate:
    """Returns the most that a call is expected to cost.

    Args:
        model: the model called.
        schedule: the model's prices in force.
        endpoint: the operation.
        body_bytes: size of the request body. A text token is at least one byte.
        bytes_per_token: 1 in strict mode, which reserves the maximum; 4 in balanced mode.
        output_limit: the caller's limit per choice, capped at the model's maximum. None uses the model's default
            reserve.
        choices: number of answers that the caller asks for, for all prompts.
        size: the sizes of the parts of the body; None if it is one prompt of text.
    """
    expected, maximum = input_bounds_of(size, body_bytes, model, endpoint, bytes_per_token)
    input_tokens = maximum if bytes_per_token == 1 else expected
    per_choice = model.default_output_reserve_tokens if output_limit is None else output_limit
    output_tokens = min(per_choice, model.max_output_tokens) * choices
    return Estimate(input_tokens, output_tokens, highest_price(schedule, input_tokens, output_tokens))


def highest_price(schedule: PriceSchedule, input_tokens: int, output_tokens: int) -> int:
    """Returns the most that this many tokens can cost in nano-credits: every token in the dearest category of its side.

    The actual input may be anything up to `input_tokens`, so either side of a long-context threshold may apply.
    """
    input_price, output_price = schedule.prices.dearest
    amount = charge_nano_credits(input_tokens, input_price) + charge_nano_credits(output_tokens, output_price)
    above = schedule.long_context
    if above is not None and input_tokens > above.above_input_tokens:
        input_price, output_price = above.prices_nano_credits_per_million_tokens.dearest
        long = charge_nano_credits(input_tokens, input_price) + charge_nano_credits(output_tokens, output_price)
        amount = max(amount, long)
    return min(amount, _MAX_AMOUNT_NANO_CREDITS)
