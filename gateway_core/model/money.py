"""Money: integer nano-credits, one rounding rule.

One credit is one US dollar and 10^9 nano-credits. No float touches money (INV-10).
"""

from typing import Final

NANO_CREDITS_PER_CREDIT: Final = 10**9
TOKENS_PER_PRICE_UNIT: Final = 10**6

INT64_MAX: Final = 2**63 - 1


def charge_nano_credits(token_count: int, price_nano_credits_per_million_tokens: int) -> int:
    """Price of `token_count` tokens in nano-credits, rounded half up, once.

    Both arguments must be non-negative; the product may exceed 64 bits, which Python integers carry.

    Raises:
        ValueError: a negative argument. A negative charge is always a fault upstream of here.
    """
    if token_count < 0 or price_nano_credits_per_million_tokens < 0:
        raise ValueError("token counts and prices are never negative")
    product = token_count * price_nano_credits_per_million_tokens
    return (product + TOKENS_PER_PRICE_UNIT // 2) // TOKENS_PER_PRICE_UNIT


def format_credits(amount_nano_credits: int) -> str:
    """Exact decimal credits for people, at least two decimals: `1500000000` -> `1.50`."""
    sign = "-" if amount_nano_credits < 0 else ""
    whole, nano = divmod(abs(amount_nano_credits), NANO_CREDITS_PER_CREDIT)
    decimals = f"{nano:09d}".rstrip("0").ljust(2, "0")
    return f"{sign}{whole}.{decimals}"
