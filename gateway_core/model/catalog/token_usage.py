"""What a call used: token counts by category and uses of hosted tools, as the call is charged for them."""

from dataclasses import replace
from operator import attrgetter
from typing import Any, Final

from gateway_core.model.record_decorator import record

INPUT_CATEGORIES: Final = (
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "input_audio",
    "input_image",
    "cache_read_audio",
)
OUTPUT_CATEGORIES: Final = ("output", "output_reasoning", "output_audio", "output_image")
CATEGORIES: Final = INPUT_CATEGORIES + OUTPUT_CATEGORIES
"""The categories of tokens, which are also the fields of `TokenUsage`."""


@record(frozen=True, slots=True)
class TokenUsage:
    """Disjoint counts. The sum of the tokens is everything that the provider counted.

    `input` is uncached text and everything that costs the same. `output` excludes the other output categories.
    """

    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    input_audio: int = 0
    input_image: int = 0
    cache_read_audio: int = 0
    output: int = 0
    output_reasoning: int = 0
    output_audio: int = 0
    output_image: int = 0
    uses: tuple[tuple[str, int], ...] = ()
    """Uses that cost a fee each, such as `("web_search", 2)`, sorted by the name of the fee."""

    @property
    def total_input(self) -> int:
        """The number of all input tokens."""
        return (
            self.input
            + self.cache_read
            + self.cache_write_5m
            + self.cache_write_1h
            + self.input_audio
            + self.input_image
            + self.cache_read_audio
        )

    @property
    def total_output(self) -> int:
        """The number of all output tokens."""
        return self.output + self.output_reasoning + self.output_audio + self.output_image


token_counts = attrgetter(*CATEGORIES)
"""Returns the token counts of a `TokenUsage`, in the order of `CATEGORIES`."""


def with_count(usage: TokenUsage, category: str, count: int) -> TokenUsage:
    """Returns the usage with another count of one category."""
    changed: dict[str, Any] = {category: count}
    return replace(usage, **changed)
