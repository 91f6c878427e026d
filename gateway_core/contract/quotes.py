"""The prices of a call in the form in which Envoy's module reads them, to tell the caller what a plain answer costs.

A quote has five fields, separated by `;`: the dialect, the prices, the prices of long contexts or nothing, the names of
answers that mean the model, and the exceptions from them (`answered_models.Meaning`). Within a field a `,` separates
values. Prices are nano-credits per million tokens, in the order of `QUOTED`. Before those of long contexts stands the
number of input tokens above which they apply.
"""

from typing import Final

from gateway_core.model.catalog.answered_models import Meaning
from gateway_core.model.catalog.prices import Prices, PriceSchedule
from gateway_core.model.endpoints import Dialect

QUOTED: Final = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "output_reasoning")
"""The categories of tokens in a plain report. The cost of an answer with others is not told."""
MAX_LENGTH: Final = 2_000
"""A model with so many names that its quote would be longer has none."""


def encode_quote(dialect: Dialect, schedule: PriceSchedule, meaning: Meaning) -> str | None:
    """Returns the quote of calls to a model at the standard service; None if it would be too long.

    Args:
        dialect: the form of the answer.
        schedule: the prices of the model.
        meaning: the names of answers that mean the model.
    """
    long_context = ""
    if above := schedule.long_context:
        prices = _listed(above.prices_nano_credits_per_million_tokens)
        long_context = f"{above.above_input_tokens},{prices}"
    names, exceptions = ",".join(meaning.undated), ",".join(meaning.exceptions)
    quote = f"{dialect};{_listed(schedule.prices)};{long_context};{names};{exceptions}"
    return quote if len(quote) <= MAX_LENGTH else None


def _listed(prices: Prices) -> str:
    by_category = prices.by_category
    return ",".join(str(by_category[category]) for category in QUOTED)
