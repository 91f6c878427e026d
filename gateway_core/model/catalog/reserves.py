"""What a call reserves before it runs: the most that it can cost, or what it is expected to cost.

A strict budget is never exceeded, so each open call reserves its maximum. Most calls cost a fraction of that. So that one
call without an output limit does not take what many others need, it gets a limit if its maximum is more than its share
of any of its scopes. `place.lua` applies the same rule atomically.
"""

import enum
from typing import Final

from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.prices import Prices, PriceSchedule
from gateway_core.model.catalog.request_size import RequestSize, input_bounds_of
from gateway_core.model.catalog.searches import SEARCH_UNIT, search_tokens, search_units
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.money import charge_nano_credits
from gateway_core.model.record_decorator import record

_SHARES_OF_UNSPENT: Final = 64
_SHARES_OF_FREE: Final = 8
LEAST_VISIBLE_TOKENS: Final = 1_024
"""A limit that the gateway writes leaves at least this many tokens above the thinking budget of the call."""
TOOL_ROUNDS: Final = 10
"""How often a provider that runs tools calls the model within one call, each time with all that came before. Anthropic
pauses a turn after 10 rounds (https://docs.claude.com/en/docs/build-with-claude/handling-stop-reasons#pause_turn)."""
TOOL_USES: Final = 20
"""How often each tool is used at most within one call."""
DESCRIBED_TOOL_TOKENS: Final = 2_000
"""What a provider adds to the input at most to describe a tool that the caller runs. Anthropic documents 245 tokens for its
shell, 700 for its text editor, and 735 and a prompt of 499 for its computer, besides 346 for tools of any kind
(https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview#pricing)."""
_TOKENS_PER_PRICE: Final = 1_000_000
_MAX_AMOUNT_NANO_CREDITS: Final = 4 * 10**18
"""Fits into 64 bits, and no credit is as high."""


class BudgetMode(enum.StrEnum):
    """How hard the budgets of an organization are."""

    STRICT = "STRICT"
    """A call reserves the most that it can cost. No budget is exceeded."""
    BALANCED = "BALANCED"
    """A call reserves what it is expected to cost. Calls that cost more can exceed a budget."""


_BALANCED: Final = BudgetMode.BALANCED
"""Looked up once, because Python 3.11 finds members of enumerations slowly."""


def share_of(unspent_nano_credits: int, free_nano_credits: int) -> int:
    """Returns how much of a scope a call without an output limit may reserve.

    64 calls of one share fit at the same time. Where more are open, each takes an eighth of what is still free, so that a
    busy scope shortens answers before it refuses calls.

    Args:
        unspent_nano_credits: the limit minus the settled spend.
        free_nano_credits: the same minus what open calls reserve.
    """
    return min(unspent_nano_credits // _SHARES_OF_UNSPENT, free_nano_credits // _SHARES_OF_FREE)


@record(frozen=True, slots=True)
class OutputShare:
    """How the reserve of a call depends on the output limit that the gateway may write into it."""

    base_nano_credits: int
    """The price of the largest input, of a summary of it, and of the tools that the provider runs."""
    token_price_nano_credits: int
    """The price of one output token in every choice, rounded up."""
    least_tokens: int
    """The lowest limit that may be written."""
    most_tokens: int
    """The output that the call can produce without a limit."""

    def amount_nano_credits(self, tokens: int) -> int:
        """Returns what the call reserves with a limit of this many tokens."""
        return self.base_nano_credits + self.token_price_nano_credits * tokens

    def limit_within(self, maximum_nano_credits: int, share_nano_credits: int) -> int | None:
        """Returns the limit to write, or None if the call passes untouched.

        Args:
            maximum_nano_credits: what the call reserves without a limit.
            share_nano_credits: the smallest `share_of` any of its scopes.
        """
        if maximum_nano_credits <= share_nano_credits:
            return None
        fitting = (share_nano_credits - self.base_nano_credits) // self.token_price_nano_credits
        tokens = max(fitting, self.least_tokens)
        return tokens if tokens < self.most_tokens else None


@record(frozen=True, slots=True)
class Reserve:
    """What a hold reserves."""

    input_tokens: int
    """The expected input."""
    output_tokens: int
    """The expected output of all choices. Limits of tokens per minute count both."""
    amount_nano_credits: int
    share: OutputShare | None = None
    """Set if the gateway may write an output limit into the call."""


FREE: Final = Reserve(0, 0, 0)
"""What a call that costs nothing reserves."""


def reserve(
    model: Model,
    schedule: PriceSchedule,
    endpoint: Endpoint,
    mode: BudgetMode,
    *,
    body_bytes: int,
    bytes_per_token: int,
    output_limit: int | None,
    choices: int,
    thinking_tokens: int = 0,
    size: RequestSize | None = None,
    tool_fees_nano_credits: int | None = None,
    described_tools: int = 0,
    compacts: bool = False,
    writes_cache: bool = True,
) -> Reserve:
    """Returns what a call reserves.

    Args:
        model: the model called.
        schedule: the model's prices in force.
        endpoint: the operation.
        mode: the budget mode of the organization.
        body_bytes: size of the request body. A text token is at least one byte.
        bytes_per_token: how many bytes of a body are expected to be a token: 1 or 4. With 1, the maximum is expected.
        output_limit: the caller's limit per choice, capped at the model's maximum. None uses the model's default
            reserve, and the model's maximum for the most that the call can cost.
        choices: number of answers that the caller asks for, for all prompts.
        thinking_tokens: the thinking budget that the body names, which an output limit must leave room for.
        size: the sizes of the parts of the body; None if it is one prompt of text.
        tool_fees_nano_credits: what one use of each tool that the provider runs costs; None without such tools. With
            them, the maximum is `TOOL_ROUNDS` times that of one answer, and `TOOL_USES` of each tool. Also set for a
            search, whose fees depend on its size.
        described_tools: the tools that the caller runs and the provider describes. The prompt with which Anthropic explains
            tools of any kind is one more.
        compacts: whether the provider may first read the conversation once more to summarize it.
        writes_cache: whether the provider may write the input to a cache, which costs more than reading it.
    """
    if tool_fees_nano_credits is not None and endpoint.ranks:
        return _reserve_search(schedule, mode, body_bytes, bytes_per_token, size)
    fees = tool_fees_nano_credits or 0
    expected_input, most_input = input_bounds_of(size, body_bytes, model, endpoint, bytes_per_token)
    described_tokens = described_tools * DESCRIBED_TOOL_TOKENS
    most_input = max(most_input, min(most_input + described_tokens, model.context_window_tokens))
    longest = model.max_output_tokens
    if output_limit is None:
        expected_output, most_output = model.default_output_reserve_tokens * choices, longest * choices
        if size is not None and size.characters:
            expected_output = min(size.spoken_tokens, longest)
    else:
        expected_output = most_output = min(output_limit, longest) * choices
    if mode is _BALANCED:
        if bytes_per_token == 1:
            expected_input = most_input
        amount = _highest_price(schedule, expected_input, expected_output, writes_cache=writes_cache) + fees
        return Reserve(expected_input, expected_output, amount)
    if tool_fees_nano_credits is not None:
        most_input = max(most_input, model.context_window_tokens) * TOOL_ROUNDS
        most_output, choices, fees = most_output * TOOL_ROUNDS, choices * TOOL_ROUNDS, fees * TOOL_USES
    summary = 0
    if compacts:
        most_input, summary = 2 * most_input, longest * choices
    share = None
    if output_limit is None and endpoint.has_optional_output_limit:
        base = _highest_price(schedule, most_input, summary) + fees
        share = _share(model, schedule, most_input, choices, thinking_tokens, base)
    most = _highest_price(schedule, most_input, most_output + summary, writes_cache=writes_cache) + fees
    return Reserve(expected_input, expected_output, most, share)


def _reserve_search(
    schedule: PriceSchedule, mode: BudgetMode, body_bytes: int, bytes_per_token: int, size: RequestSize | None
) -> Reserve:
    """Returns what ranking documents reserves: search units if the model has a fee for them, otherwise tokens."""
    tokens = search_tokens(size, body_bytes, bytes_per_token)
    fee = schedule.fees.get(SEARCH_UNIT)
    expected, most = tokens if fee is None else search_units(size, tokens)
    reserved = expected if mode is BudgetMode.BALANCED else most
    return Reserve(expected, 0, _highest_price(schedule, reserved, 0) if fee is None else reserved * fee)


def _share(
    model: Model, schedule: PriceSchedule, input_tokens: int, choices: int, thinking_tokens: int, base_nano_credits: int
) -> OutputShare | None:
    """Returns None if output costs nothing, or if every limit would be above the model's maximum."""
    output_price = schedule.prices.dearest[1]
    above = schedule.long_context
    if above is not None and input_tokens > above.above_input_tokens:
        output_price = max(output_price, above.prices_nano_credits_per_million_tokens.dearest[1])
    least = LEAST_VISIBLE_TOKENS + thinking_tokens
    if not output_price or least >= model.max_output_tokens:
        return None
    return OutputShare(
        base_nano_credits=base_nano_credits,
        token_price_nano_credits=-(-output_price * choices // _TOKENS_PER_PRICE),
        least_tokens=least,
        most_tokens=model.max_output_tokens,
    )


def _highest_price(schedule: PriceSchedule, input_tokens: int, output_tokens: int, *, writes_cache: bool = True) -> int:
    """Returns the most that this many tokens can cost in nano-credits: every token in the dearest category of its side.

    The actual input may be anything up to `input_tokens`, so either side of a long-context threshold may apply.
    """
    input_price, output_price = _dearest(schedule.prices, writes_cache=writes_cache)
    amount = charge_nano_credits(input_tokens, input_price) + charge_nano_credits(output_tokens, output_price)
    above = schedule.long_context
    if above is not None and input_tokens > above.above_input_tokens:
        prices = above.prices_nano_credits_per_million_tokens
        input_price, output_price = _dearest(prices, writes_cache=writes_cache)
        long = charge_nano_credits(input_tokens, input_price) + charge_nano_credits(output_tokens, output_price)
        amount = max(amount, long)
    return min(amount, _MAX_AMOUNT_NANO_CREDITS)


def _dearest(prices: Prices, *, writes_cache: bool) -> tuple[int, int]:
    return prices.dearest if writes_cache else prices.dearest_without_writes
