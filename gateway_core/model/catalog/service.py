"""How a provider served a call, as far as it changes the price: its tier, its speed and the place of processing."""

from collections.abc import Iterator
from typing import Final

from gateway_core.model.record_decorator import record

_STANDARD_NAMES: Final = frozenset(
    {
        "",
        # Tiers. `auto` leaves the choice to the provider, whose answer names the tier that it used.
        *("auto", "default", "standard", "standard_only", "on_demand", "unspecified"),
        # Places. Anthropic reports `not_available` for models that have no choice of place.
        *("global", "not_available"),
    }
)
_GEMINI_PREFIX: Final = "service_tier_"


@record(frozen=True, slots=True)
class Service:
    """The tier, speed and place of a call, as its body asks for them or its answer reports them. None is the standard."""

    tier: str | None = None
    speed: str | None = None
    place: str | None = None

    def special(self) -> Iterator[tuple[str, str]]:
        """Yields the property and its value in lower case for each that differs from the standard."""
        for name, value in (("tier", self.tier), ("speed", self.speed), ("place", self.place)):
            if value is not None and (canonical := _canonical(value)) not in _STANDARD_NAMES:
                yield name, canonical


STANDARD: Final = Service()
"""What a provider does if a call asks for nothing else."""


def _canonical(value: str) -> str:
    """Returns the value in lower case, without the prefix that Gemini's enumeration has in some versions of its API."""
    return value.strip().lower().removeprefix(_GEMINI_PREFIX)
