"""The pricing of every call, streamed or not, and the estimate that a hold reserves."""

from gateway_core.model.catalog.entries import Model, Prices, PriceSchedule
from gateway_core.model.catalog.token_usage import TokenUsage
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.money import charge_nano_credits
from gateway_core.model.record_decorator import record


@record(frozen=True, slots=True)
class ChargeLine:
    """One token category of a charge. Rounding happens only here."""

    category: str
    token_count: int
    price_nano_credits_per_million_tokens: int
    amount_nano_credits: int


@record(frozen=True, slots=True)
class Estimate:
    """What a hold reserves: numbers of tokens and their price in nano-credits."""

    input_tokens: int
    output_tokens: int
    amount_nano_credits: int


def charge_lines(usage: TokenUsage, schedule: PriceSchedule) -> tuple[ChargeLine, ...]:
    """Returns the charge of a call: a line for each category that has tokens. The charge is the sum of its lines."""
    prices = schedule.prices_for(usage.total_input)
    return tuple(
        ChargeLine(category, token_count, price, charge_nano_credits(token_count, price))
        for category, token_count, price in _priced(usage, prices)
        if token_count
    )


def total_nano_credits(lines: tuple[ChargeLine, ...]) -> int:
    """Returns the charge: the sum of its lines."""
    return sum(line.amount_nano_credits for line in lines)


def prices_by_category(prices: Prices) -> dict[str, int]:
    """Returns nano-credits per million tokens for every category, including those that inherit their price."""
    return {category: price for category, _, price in _priced(TokenUsage(), prices)}


def _priced(usage: TokenUsage, prices: Prices) -> tuple[tuple[str, int, int], ...]:
    """Yields category, token count and price. A category without a price costs what its base category costs."""
    write_5m = prices.input if prices.cache_write_5m is None else prices.cache_write_5m
    return (
        ("input", usage.input, prices.input),
        ("cache_read", usage.cache_read, prices.input if prices.cache_read is None else prices.cache_read),
        ("cache_write_5m", usage.cache_write_5m, write_5m),
        ("cache_write_1h", usage.cache_write_1h, write_5m if prices.cache_write_1h is None else prices.cache_write_1h),
        ("output", usage.output, prices.output),
        ("output_reasoning", usage.output_reasoning, prices.output if prices.reasoning is None else prices.reasoning),
    )


def estimate(
    model: Model,
    schedule: PriceSchedule,
    endpoint: Endpoint,
    *,
    body_bytes: int,
    bytes_per_token: int,
    output_limit: int | None,
    choices: int,
) -> Estimate:
    """Returns the most that a call is expected to cost.

    Args:
        model: the model called.
        schedule: the model's prices in force.
        endpoint: the operation. One call of embeddings may carry many inputs, each as large as the context window.
        body_bytes: size of the request body. A text token is at least one byte.
        bytes_per_token: 1 in strict mode, 4 in balanced mode.
        output_limit: the caller's limit per choice, capped at the model's maximum. None uses the model's default
            reserve.
        choices: number of answers that the caller asks for.
    """
    input_tokens = -(-body_bytes // bytes_per_token)
    if endpoint is not Endpoint.EMBEDDINGS:
        input_tokens = min(input_tokens, model.context_window_tokens)
    per_choice = model.default_output_reserve_tokens if output_limit is None else output_limit
    output_tokens = min(per_choice, model.max_output_tokens) * choices
    # The actual input may be anything up to the estimate, so either side of a long-context threshold may apply.
    below, above = schedule.prices_for(0), schedule.prices_for(input_tokens)
    amount = _highest_price(below, input_tokens, output_tokens)
    if above is not below:
        amount = max(amount, _highest_price(above, input_tokens, output_tokens))
    return Estimate(input_tokens, output_tokens, amount)


def _highest_price(prices: Prices, input_tokens: int, output_tokens: int) -> int:
    """Returns the price if every token falls into the most expensive category of its side."""
    input_price, output_price = prices.dearest
    return charge_nano_credits(input_tokens, input_price) + charge_nano_credits(output_tokens, output_price)
