"""The values of a request body that a decision depends on: keys of `metadata.REQUEST_NAMESPACE`.

They are plain constants because every decision reads most of them, and reading an enum member costs twice as much.
"""

from typing import Final

MODEL: Final = "model"
STREAM: Final = "stream"
BACKGROUND: Final = "background"
MAX_TOKENS: Final = "max_tokens"
MAX_COMPLETION_TOKENS: Final = "max_completion_tokens"
MAX_OUTPUT_TOKENS: Final = "max_output_tokens"
N: Final = "n"
BEST_OF: Final = "best_of"
CANDIDATE_COUNT: Final = "candidate_count"
SERVICE_TIER: Final = "service_tier"
INCLUDE_USAGE: Final = "include_usage"
GENERATION_MAX_OUTPUT_TOKENS: Final = "generation_max_output_tokens"
UNREADABLE: Final = "unreadable"
"""Present if the module could not read the body."""

ALL: Final = (
    MODEL,
    STREAM,
    BACKGROUND,
    MAX_TOKENS,
    MAX_COMPLETION_TOKENS,
    MAX_OUTPUT_TOKENS,
    N,
    BEST_OF,
    CANDIDATE_COUNT,
    SERVICE_TIER,
    INCLUDE_USAGE,
    GENERATION_MAX_OUTPUT_TOKENS,
    UNREADABLE,
)
