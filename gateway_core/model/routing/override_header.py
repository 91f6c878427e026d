"""The header by which callers of a virtual model ask for a model: `x-route: best`, `cheapest` or `model=NAME`."""

import enum
from typing import Final

from gateway_core.model.record_decorator import record

OVERRIDE: Final = "x-route"


class Wish(enum.StrEnum):
    """What a caller can ask for instead of a choice."""

    BEST = "best"
    CHEAPEST = "cheapest"
    MODEL = "model"


@record(frozen=True, slots=True)
class Override:
    """What the caller asks for."""

    wish: Wish
    model: str = ""
    """The public name of the model, if that is the wish."""
