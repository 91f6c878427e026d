"""What a model can do, and in which class of models it is. Routing depends on it."""

import enum
from typing import Final


class Capability(enum.StrEnum):
    """Something that a body may need and not every model can do."""

    VISION = "vision"
    """Reads pictures."""
    AUDIO = "audio"
    """Hears sound."""
    FILES = "files"
    """Reads documents, such as PDF."""
    TOOLS = "tools"
    """Calls functions of the caller."""
    JSON_SCHEMA = "json_schema"
    """Answers in the form of a given schema."""
    LOGPROBS = "logprobs"
    """Reports the probabilities of its tokens."""
    REASONING = "reasoning"
    """Thinks before it answers, as much as the body asks for."""


class Tier(enum.StrEnum):
    """A class of models."""

    LIGHT = "light"
    STANDARD = "standard"
    TOP = "top"


_RANK: Final = {tier: number for number, tier in enumerate(Tier)}


def is_below(tier: Tier | None, floor: Tier) -> bool:
    """Returns whether a tier is lower than another. A model without a tier is below every one."""
    return tier is None or _RANK[tier] < _RANK[floor]
