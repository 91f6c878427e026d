"""What rollups add up: the names of their columns, in one order, and the buckets of latencies."""

from typing import Final

INPUT_TOKEN_COLUMNS: Final = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "input_audio_tokens",
    "input_image_tokens",
    "cache_read_audio_tokens",
)
OUTPUT_TOKEN_COLUMNS: Final = ("output_tokens", "reasoning_tokens", "output_audio_tokens", "output_image_tokens")
COUNT_COLUMNS: Final = (
    "call_count",
    "voided_call_count",
    "unconfirmed_call_count",
    *INPUT_TOKEN_COLUMNS,
    *OUTPUT_TOKEN_COLUMNS,
    "charge_nano_credits",
    "baseline_nano_credits",
    "correction_count",
    "correction_nano_credits",
)
"""Sums of facts. `call_count` leaves out voided calls, as budgets do; unconfirmed calls are among its calls."""

RUNNING_MEASURES: Final = ("call_count", "voided_call_count", "tokens", "charge_nano_credits")
"""What callers are ranked and counted by. `tokens` are those of every kind."""
DAYS_OF_MONTH: Final = range(1, 32)
MONTHS_OF_YEAR: Final = range(1, 13)


def running_column(measure: str, number: int) -> str:
    """Returns the column that has a measure from the start of a month to the end of a local day, or from that of a year to the
    end of a month. NULL counts as 0."""
    return f"{measure}_{number:02}"


RUNNING_COLUMNS: Final = tuple(running_column(measure, day) for day in DAYS_OF_MONTH for measure in RUNNING_MEASURES)
YEAR_COLUMNS: Final = tuple(running_column(measure, month) for month in MONTHS_OF_YEAR for measure in RUNNING_MEASURES)

LATENCY_BUCKETS: Final = 16
FIRST_BUCKET_MS: Final = 32
"""Bucket 0 counts what took less than this. Each later bucket begins at twice the last, so the last one begins at 524 s."""
DURATION_COLUMNS: Final = tuple(f"duration_{bucket:02}" for bucket in range(LATENCY_BUCKETS))
FIRST_BYTE_COLUMNS: Final = tuple(f"first_byte_{bucket:02}" for bucket in range(LATENCY_BUCKETS))
LATENCY_COLUMNS: Final = (*DURATION_COLUMNS, *FIRST_BYTE_COLUMNS)
"""NULL counts as 0. Most rows have a few."""
