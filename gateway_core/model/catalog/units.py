"""Models that cost by the second of sound, the character of text or the search instead of by the token.

The catalog states the price of such a unit as a fee of the model. The hold of a call counts its input in this unit.
"""

from typing import Final

from gateway_core.model.catalog.media import audio_seconds
from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.model.catalog.request_size import RequestSize
from gateway_core.model.catalog.reserves import BudgetMode, Reserve
from gateway_core.model.catalog.searches import SEARCH_UNIT
from gateway_core.model.endpoints import Endpoint

AUDIO_SECOND: Final = "audio_second"
"""A second of the recording. The provider reports how many there were."""
CHARACTER: Final = "character"
"""A character of the text to be spoken, as Unicode counts them. The provider reports nothing, and the gateway counts them."""

_UNITS: Final = {
    Endpoint.SPEECH: CHARACTER,
    Endpoint.TRANSCRIPTIONS: AUDIO_SECOND,
    Endpoint.TRANSLATIONS: AUDIO_SECOND,
    Endpoint.RERANK: SEARCH_UNIT,
    Endpoint.RERANK_V2: SEARCH_UNIT,
}


def unit_of(schedule: PriceSchedule, endpoint: Endpoint) -> str | None:
    """Returns the unit in which calls to an operation are counted; None if they cost tokens."""
    unit = _UNITS.get(endpoint)
    return unit if unit is not None and unit in schedule.fees else None


def reserve_units(schedule: PriceSchedule, unit: str, size: RequestSize, mode: BudgetMode) -> Reserve:
    """Returns what a call reserves that is counted in a unit.

    Args:
        schedule: the prices of the model in force.
        unit: the unit, which is one of its fees.
        size: the sizes of the parts of the body.
        mode: the budget mode of the organization.
    """
    expected, most = (size.characters,) * 2 if unit == CHARACTER else audio_seconds(size.audio_bytes)
    reserved = expected if mode is BudgetMode.BALANCED else most
    return Reserve(input_tokens=expected, output_tokens=0, amount_nano_credits=reserved * schedule.fees[unit])
