"""The length of a recording, which some models are billed by."""

import math
import re
from collections.abc import Mapping
from typing import Final

from gateway_core.contract.usage_facts import UsageFact
from usage_service.provider_reports.counts import Counts
from usage_service.provider_reports.reading import Flag, Notes

SECONDS: Final = "seconds"
"""The key of the length in a usage."""
MAX_SECONDS: Final = 10**9
_TEXT: Final = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,20})?", re.ASCII)


def seconds_of(facts: Mapping[str, object], usage: Counts | None, notes: Notes) -> int | None:
    """Returns the length of the recording in whole seconds, rounded up; None if the report does not state it.

    OpenAI states it in `usage` of `{"type": "duration"}` (https://platform.openai.com/docs/api-reference/audio/json-object),
    where a recording of 8.47 seconds has 9. Translations have no usage, and only their `duration`. The greater counts.
    """
    stated = (usage.values.get(SECONDS) if usage is not None else None, facts.get(UsageFact.DURATION))
    lengths = [_whole(value, notes) for value in stated if value is not None]
    return max((length for length in lengths if length is not None), default=None)


def _whole(value: object, notes: Notes) -> int | None:
    if isinstance(value, str) and _TEXT.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_SECONDS:
        notes.add(Flag.UNREADABLE_COUNT)
        return None
    return math.ceil(value)
