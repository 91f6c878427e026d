"""Converts credits to and from text, exactly and without floats. One credit is 10^9 nano-credits. Pure."""

import re
from typing import Final

NANO_CREDITS_PER_CREDIT: Final = 10**9
_DECIMALS: Final = 9
_INT64_MAX: Final = 2**63 - 1
_AMOUNT: Final = re.compile(rf"([+-]?)([0-9]{{1,10}})(?:\.([0-9]{{1,{_DECIMALS}}}))?")


def parse_credits(text: str) -> int:
    """Returns the nano-credits in an amount of credits such as `25.50`.

    Raises:
        ValueError: the text is not a decimal number with at most 9 decimals, or exceeds a 64-bit integer of nano-credits.
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
    """Formats nano-credits as credits, exactly and with at least two decimals: `1,234,567.50` for `1234567500000000`."""
    whole, nano = divmod(abs(amount_nano_credits), NANO_CREDITS_PER_CREDIT)
    decimals = f"{nano:0{_DECIMALS}d}".rstrip("0").ljust(2, "0")
    return f"{'-' if amount_nano_credits < 0 else ''}{whole:,}.{decimals}"


def budget_text(budget_nano_credits: int, carried_nano_credits: int) -> str:
    """Formats what a cycle may cost, and what of it is carried from the cycle before."""
    carried = f" ({format_credits(carried_nano_credits)} of it carried over)" if carried_nano_credits else ""
    return f"{format_credits(budget_nano_credits)}{carried}"


def share(part_nano_credits: int, whole_nano_credits: int) -> str:
    """Formats the used part of a budget in percent, rounded down so that `100%` means all of it. Empty without a budget."""
    if whole_nano_credits <= 0:
        return ""
    return f"{part_nano_credits * 100 // whole_nano_credits}%"


def counted(count: int, thing: str) -> str:
    """Returns a number with its noun, such as `1 key` or `1,234 keys`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
