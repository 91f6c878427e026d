"""Credits as people write them, exactly: one credit is 10^9 nano-credits, and no float is ever involved. Pure."""

import re
from typing import Final

NANO_CREDITS_PER_CREDIT: Final = 10**9
_DECIMALS: Final = 9
_INT64_MAX: Final = 2**63 - 1
_AMOUNT: Final = re.compile(rf"([+-]?)([0-9]{{1,10}})(?:\.([0-9]{{1,{_DECIMALS}}}))?")


def parse_credits(text: str) -> int:
    """Nano-credits of an amount such as `25.50`, exactly.

    Raises:
        ValueError: the text is not a decimal number with at most 9 decimals, or is more than the API can carry.
    """
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not an amount: write credits such as 25.50, with at most {_DECIMALS} decimals")
    sign, whole, decimals = found[1], found[2], found[3] or ""
    amount = int(whole) * NANO_CREDITS_PER_CREDIT + int(decimals.ljust(_DECIMALS, "0"))
    if amount > _INT64_MAX:
        raise ValueError(f"{text!r} is too large: the maximum is {format_credits(_INT64_MAX)} credits")
    return -amount if sign == "-" else amount


def format_credits(amount_nano_credits: int) -> str:
    """Exact credits for people, two decimals at least: `1234567500000000` is `1,234,567.50`."""
    whole, nano = divmod(abs(amount_nano_credits), NANO_CREDITS_PER_CREDIT)
    decimals = f"{nano:0{_DECIMALS}d}".rstrip("0").ljust(2, "0")
    return f"{'-' if amount_nano_credits < 0 else ''}{whole:,}.{decimals}"


def share(part_nano_credits: int, whole_nano_credits: int) -> str:
    """How much of a budget is used, in whole percent, rounded down: never `100%` before it is."""
    if whole_nano_credits <= 0:
        return ""
    return f"{part_nano_credits * 100 // whole_nano_credits}%"
