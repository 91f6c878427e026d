"""How a provider served a call, as far as it changes the price: its tier, its speed and the place of processing."""

from functools import lru_cache
from typing import Final

from gateway_core.model.record_decorator import record

STANDARD_NAMES: Final = frozenset(
    {
        "",
        # Tiers. `auto` leaves the choice to the provider, whose answer names the tier that it used.
        *("auto", "default", "standard", "standard_only", "on_demand", "unspecified"),
        # Places. Anthropic reports `not_available` for models that have no choice of place.
        *("global", "not_available"),
    }
)
"""Names, in lower case, of tiers, speeds and places that do not change a price."""
_GEMINI_PREFIX: Final = "service_tier_"


@record(frozen=True, slots=True)
class Service:
    """The tier, speed and place of a call, as its body asks for them or its answer reports them. None is the standard."""

    tier: str | None = None
    speed: str | None = None
    place: str | None = None

    def special(self) -> tuple[tuple[str, str], ...]:
        """Returns the property and its value in lower case for each that differs from the standard."""
        return _special(self.tier, self.speed, self.place)


STANDARD: Final = Service()
"""What a provider does if a call asks for nothing else."""


@lru_cache(maxsize=1_024)
def _special(tier: str | None, speed: str | None, place: str | None) -> tuple[tuple[str, str], ...]:
    """Most calls report the same few services, and their texts are short."""
    named = (("tier", tier), ("speed", speed), ("place", place))
    return tuple(
        (name, canonical)
        for name, value in named
        if value is not None and (canonical := _canonical(value)) not in STANDARD_NAMES
    )


def _canonical(value: str) -> str:
    """Returns the value in lower case, without the prefix that Gemini's enumeration has in some versions of its API."""
    return value.strip().lower().removeprefix(_GEMINI_PREFIX)
