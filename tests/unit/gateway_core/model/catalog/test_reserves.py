"""What a call reserves in each budget mode, and the output limit that it gets when little is left."""

import pytest

from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.prices import Prices, PriceSchedule
from gateway_core.model.catalog.request_size import RequestSize
from gateway_core.model.catalog.reserves import BudgetMode, OutputShare, Reserve, reserve, share_of
from gateway_core.model.endpoints import Endpoint
from tests.support.data import examples

SHARE = OutputShare(base_nano_credits=1_000, token_price_nano_credits=10, least_tokens=100, most_tokens=10_000)
MAXIMUM = 101_000
"""The amount of `SHARE` without a limit."""


def model() -> Model:
    """Returns a model that costs 100 nano-credits an input token and 1,000 an output token."""
    return Model.model_validate(
        examples.model("x", context_window_tokens=50_000, max_output_tokens=8_000, default_output_reserve_tokens=400)
    )


def schedule(output: int = 10**9) -> PriceSchedule:
    return PriceSchedule.model_validate(
        {"effective_date": "2026-01-01", "prices": Prices(input=10**8, output=output).model_dump()}
    )


def reserved(
    mode: BudgetMode = BudgetMode.STRICT,
    endpoint: Endpoint = Endpoint.CHAT_COMPLETIONS,
    *,
    output_limit: int | None = None,
    choices: int = 1,
    thinking_tokens: int = 0,
    output_price: int = 10**9,
    tool_fees_nano_credits: int | None = None,
    size: RequestSize | None = None,
    prices: PriceSchedule | None = None,
    described_tools: int = 0,
    compacts: bool = False,
    writes_cache: bool = True,
) -> Reserve:
    return reserve(
        model(),
        prices or schedule(output_price),
        endpoint,
        mode,
        body_bytes=4_000,
        bytes_per_token=4,
        output_limit=output_limit,
        choices=choices,
        thinking_tokens=thinking_tokens,
        tool_fees_nano_credits=tool_fees_nano_credits,
        size=size,
        described_tools=described_tools,
        compacts=compacts,
        writes_cache=writes_cache,
    )


def test_a_balanced_call_reserves_what_it_is_expected_to_cost() -> None:
    assert reserved(BudgetMode.BALANCED) == Reserve(1_000, 400, 1_000 * 100 + 400 * 1_000)


def test_a_strict_call_reserves_the_most_that_it_can_cost() -> None:
    assert reserved().amount_nano_credits == 4_000 * 100 + 8_000 * 1_000
    assert reserved(output_limit=50, choices=3).amount_nano_credits == 4_000 * 100 + 3 * 50 * 1_000


def test_a_provider_that_runs_tools_may_read_the_whole_window_and_answer_in_every_round() -> None:
    call = reserved(output_limit=50, tool_fees_nano_credits=7)
    assert call.amount_nano_credits == 10 * (50_000 * 100 + 50 * 1_000) + 20 * 7
    assert reserved(BudgetMode.BALANCED, tool_fees_nano_credits=7).amount_nano_credits == 500_007


def test_the_description_of_a_tool_adds_to_the_input() -> None:
    assert reserved(described_tools=2).amount_nano_credits == (4_000 + 2 * 2_000) * 100 + 8_000 * 1_000
    assert reserved(BudgetMode.BALANCED, described_tools=2) == reserved(BudgetMode.BALANCED)


def test_a_compaction_reads_the_input_twice_and_writes_a_summary() -> None:
    call = reserved(output_limit=50, compacts=True)
    assert call.amount_nano_credits == 2 * 4_000 * 100 + (50 + 8_000) * 1_000
    share = reserved(compacts=True).share
    assert share == OutputShare(2 * 4_000 * 100 + 8_000 * 1_000, 1_000, 1_024, 8_000)


def test_a_call_with_tools_of_the_provider_shrinks_by_all_rounds_of_output() -> None:
    share = reserved(tool_fees_nano_credits=7).share
    assert share == OutputShare(10 * 50_000 * 100 + 20 * 7, 10 * 1_000, 1_024, 8_000)


@pytest.mark.parametrize("mode", BudgetMode)
def test_a_call_that_writes_no_cache_reserves_the_price_of_reading(mode: BudgetMode) -> None:
    prices = Prices(input=10**8, cache_read=10**7, cache_write_5m=125 * 10**6, cache_write_1h=2 * 10**8, output=0)
    long = Prices(input=3 * 10**8, cache_write_1h=6 * 10**8, output=0)
    long_context = {"above_input_tokens": 40_000, "prices_nano_credits_per_million_tokens": long.model_dump()}
    values = {"effective_date": "2026-01-01", "prices": prices.model_dump(), "long_context": long_context}
    dear = PriceSchedule.model_validate(values)
    size = RequestSize(4_000, references=1)
    for writes, price in ((True, 600), (False, 300)):
        call = reserved(mode, output_limit=1, size=size, prices=dear, writes_cache=writes)
        assert call.amount_nano_credits == 50_000 * price


def test_a_reference_may_fill_the_context_window() -> None:
    call = reserved(output_limit=50, size=RequestSize(4_000, references=1))
    assert call.amount_nano_credits == 50_000 * 100 + 50 * 1_000


def test_a_larger_window_that_a_flag_asks_for_bounds_the_input() -> None:
    call = reserved(output_limit=0, size=RequestSize(90_000, window_tokens=80_000))
    assert call.amount_nano_credits == 80_000 * 100


def test_limits_of_tokens_count_what_a_call_is_expected_to_use_in_both_modes() -> None:
    for mode in BudgetMode:
        call = reserved(mode)
        assert (call.input_tokens, call.output_tokens) == (1_000, 400)


def test_a_call_without_an_output_limit_may_get_one() -> None:
    assert reserved(choices=2).share == OutputShare(400_000, 2_000, 1_024, 8_000)


def test_a_limit_leaves_room_for_the_thinking_that_the_body_asks_for() -> None:
    share = reserved(thinking_tokens=2_000).share
    assert share is not None
    assert share.least_tokens == 3_024


@pytest.mark.parametrize(
    "call",
    [
        reserved(output_limit=8_000),
        reserved(endpoint=Endpoint.MESSAGES),
        reserved(thinking_tokens=7_000),
        reserved(output_price=0),
        reserved(BudgetMode.BALANCED),
    ],
)
def test_no_other_call_gets_an_output_limit(call: Reserve) -> None:
    assert call.share is None


@pytest.mark.parametrize(
    ("share", "limit"),
    [(MAXIMUM, None), (MAXIMUM - 1, 9_999), (51_000, 5_000), (51_009, 5_000), (2_000, 100), (0, 100), (-5, 100)],
)
def test_a_call_above_its_share_gets_a_limit_that_fits_the_share(share: int, limit: int | None) -> None:
    assert SHARE.limit_within(MAXIMUM, share) == limit


@pytest.mark.parametrize(
    ("unspent", "free", "share"), [(6_400, 6_400, 100), (6_463, 800, 100), (6_400, 799, 99), (6_400, 0, 0)]
)
def test_a_share_is_a_64th_of_what_is_unspent_and_at_most_an_eighth_of_what_is_free(
    unspent: int, free: int, share: int
) -> None:
    assert share_of(unspent, free) == share


def test_a_price_below_one_nano_credit_a_token_is_rounded_up() -> None:
    share = reserved(output_price=1_500_001).share
    assert share is not None
    assert share.token_price_nano_credits == 2
