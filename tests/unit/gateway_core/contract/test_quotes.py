"""The prices that authz_service sends to Envoy's module."""

import datetime as dt

from gateway_core.contract.quotes import MAX_LENGTH, encode_quote
from gateway_core.model.catalog.answered_models import Meaning
from gateway_core.model.catalog.prices import LongContextPrices, Prices, PriceSchedule
from gateway_core.model.endpoints import Dialect

SCHEDULE = PriceSchedule(
    effective_date=dt.date(2026, 1, 1),
    prices=Prices(input=10, cache_read=1, cache_write_1h=20, output=30, reasoning=40, output_audio=99),
    long_context=LongContextPrices(
        above_input_tokens=7, prices_nano_credits_per_million_tokens=Prices(input=100, output=300)
    ),
)


def test_a_quote_lists_prices_and_names() -> None:
    quote = encode_quote(Dialect.GEMINI, SCHEDULE, Meaning(("a", "a-1"), ("a-2024",)))
    assert quote == "gemini;10,1,10,20,30,40;7,100,100,100,100,300,300;a,a-1;a-2024"


def test_a_model_with_very_many_names_has_no_quote() -> None:
    names = tuple(f"name-{number}" for number in range(MAX_LENGTH // 6))
    assert encode_quote(Dialect.OPENAI, SCHEDULE, Meaning(names, ())) is None
