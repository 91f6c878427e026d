"""Money: integer nano-credits and one rounding rule.

One credit is one US dollar and 10^9 nano-credits. No money is computed in floating point (INV-10).
"""

from typing import Final

NANO_CREDITS_PER_CREDIT: Final = 10**9
TOKENS_PER_PRICE_UNIT: Final = 10**6

INT64_MAX: Final = 2**63 - 1


def charge_nano_credits(token_count: int, price_nano_credits_per_million_tokens: int) -> int:
    """Returns the price of `token_count` tokens in nano-credits, rounded half up, once.

    Raises:
        ValueError: an argument is negative. That is always a fault of the caller.
    """
    if token_count < 0 or price_nano_credits_per_million_tokens < 0:
        raise ValueError("token counts and prices are never negative")
    product = token_count * price_nano_credits_per_million_tokens
    return (product + TOKENS_PER_PRICE_UNIT // 2) // TOKENS_PER_PRICE_UNIT


def format_credits(amount_nano_credits: int) -> str:
    """Formats an amount exactly, in credits with at least two decimals: `1500000000` becomes `1.50`."""
    sign = "-" if amount_nano_credits < 0 else ""
    whole, nano = divmod(abs(amount_nano_credits), NANO_CREDITS_PER_CREDIT)
    decimals = f"{nano:09d}".rstrip("0").ljust(2, "0")
    return f"{sign}{whole}.{decimals}"
