"""The pairs of models that are compared, and what models cost."""

from collections.abc import Sequence
from typing import Final

from benchmarks.routing.outcomes import OutcomesError, Pair

_USD: Final = {
    "gpt-4o-mini-2024-07-18": (0.15, 0.60),
    "gpt-4o-2024-08-06": (2.50, 10.0),
    "gemini-1.5-flash-002": (0.075, 0.30),
    "gemini-1.5-pro-002": (1.25, 5.0),
    "mistralai/Mixtral-8x7B-Instruct-v0.1": (0.60, 0.60),
    "gpt-4-1106-preview": (10.0, 30.0),
    "claude-3-haiku-20240307": (0.25, 1.25),
    "claude-3-5-sonnet-20241022": (3.0, 15.0),
    "Meta-Llama-3.1-8B-Instruct": (0.05, 0.08),
    "Meta-Llama-3.1-70B-Instruct": (0.59, 0.79),
}
"""List prices when the models were new, per million tokens of input and output."""
_NAMES = tuple(_USD)
PAIRS: Final = tuple(
    Pair(weak, strong, _USD[weak], _USD[strong]) for weak, strong in zip(_NAMES[::2], _NAMES[1::2], strict=True)
)


def pair_of(text: str, prices: Sequence[str]) -> Pair:
    """Returns the pair `WEAK,STRONG`.

    Args:
        text: the names of both models.
        prices: `MODEL=INPUT,OUTPUT` in USD per million tokens, for models that are not known here.

    Raises:
        OutcomesError: the text is no pair, or a price is missing or wrong.
    """
    weak, comma, strong = (part.strip() for part in text.partition(","))
    if not (weak and comma and strong) or "," in strong or weak == strong:
        raise OutcomesError(f"--pair {text!r}: write WEAK,STRONG, the names of two models")
    known = dict(_USD)
    for price in prices:
        name, _, numbers = price.rpartition("=")
        try:
            first, second = (float(number) for number in numbers.split(","))
        except ValueError:
            first = second = -1.0
        if not name or not (0 <= first < _MOST_USD and 0 <= second < _MOST_USD):
            raise OutcomesError(f"--price {price!r}: write MODEL=INPUT,OUTPUT, in USD per million tokens")
        known[name] = (first, second)
    for name in (weak, strong):
        if name not in known:
            raise OutcomesError(f"the price of {name} is not known: add --price {name}=INPUT,OUTPUT")
    return Pair(weak, strong, known[weak], known[strong])


_MOST_USD: Final = 1_000_000
