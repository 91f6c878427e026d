"""Generates price schedules that a catalog may contain."""

import datetime as dt

from hypothesis import strategies as st

from gateway_core.model.catalog.prices import LongContextPrices, Prices, PriceSchedule

prices_nano_credits = st.integers(0, 10**12) | st.sampled_from([0, 1, 500_000, 10**15])
price_sets = st.builds(
    Prices,
    input=prices_nano_credits,
    cache_read=st.none() | prices_nano_credits,
    cache_write_5m=st.none() | prices_nano_credits,
    cache_write_1h=st.none() | prices_nano_credits,
    output=prices_nano_credits,
    reasoning=st.none() | prices_nano_credits,
    input_audio=st.none() | prices_nano_credits,
    input_image=st.none() | prices_nano_credits,
    cache_read_audio=st.none() | prices_nano_credits,
    output_audio=st.none() | prices_nano_credits,
    output_image=st.none() | prices_nano_credits,
)


def schedules(thresholds: st.SearchStrategy[int] | None = None) -> st.SearchStrategy[PriceSchedule]:
    """Generates price schedules, with or without higher or lower prices for long contexts."""
    long_context = st.builds(
        LongContextPrices,
        above_input_tokens=st.integers(1, 10**7) if thresholds is None else thresholds,
        prices_nano_credits_per_million_tokens=price_sets,
    )
    return st.builds(
        PriceSchedule,
        effective_date=st.just(dt.date(2025, 1, 1)),
        prices=price_sets,
        long_context=st.none() | long_context,
    )
