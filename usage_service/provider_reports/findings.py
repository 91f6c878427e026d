"""What an operator should look at in the report of a call: one finding per call, of one or more kinds."""

import enum
import json
from collections.abc import Mapping
from typing import Final

from gateway_core.contract.usage_facts import UsageFact
from gateway_core.model.record_decorator import record
from gateway_core.stores.postgres.storable_text import storable_text
from usage_service.provider_reports.reading import Flag

MAX_REPORT_CHARACTERS: Final = 16_384
_MAX_FACT_CHARACTERS: Final = 4_000
_MAX_NAMES: Final = 20
_MAX_REASON_CHARACTERS: Final = 1_000


class FindingKind(enum.StrEnum):
    """Kinds of findings. Stable, for filters and metrics."""

    CONTRADICTORY_COUNTS = Flag.CONTRADICTORY_COUNTS
    UNREADABLE_COUNT = Flag.UNREADABLE_COUNT
    UNREADABLE_REPORT = Flag.UNREADABLE_REPORT
    UNNAMED_OUTPUT = Flag.UNNAMED_OUTPUT
    IMPLAUSIBLE_SIZE = "implausible_size"
    UNPRICED = "unpriced"
    UNKNOWN_MODEL = "unknown_model"


_REASONS: Final = {
    FindingKind.CONTRADICTORY_COUNTS: "the counts contradict each other; the largest reading was charged",
    FindingKind.UNREADABLE_COUNT: "a value is not a token count; it was set aside",
    FindingKind.UNREADABLE_REPORT: "the report is not a JSON object; the call was estimated from the delivered text",
    FindingKind.UNNAMED_OUTPUT: "the total exceeds the named counts; the rest was charged as reasoning",
    FindingKind.IMPLAUSIBLE_SIZE: "the counts exceed what the model takes or produces in one answer; they were charged in full",
    FindingKind.UNPRICED: "the catalog has no price for a part of the call; tokens cost the base price, uses cost nothing",
    FindingKind.UNKNOWN_MODEL: "a model answered that the catalog does not have; the price of the requested model was charged",
}

_KEPT: Final = (
    *("usage", "start_usage", "response_usage", "other_usage", "text_after_usage"),
    *(UsageFact.TOOL_ITEMS, UsageFact.TOOL_USAGE, UsageFact.GROUNDING_QUERIES, UsageFact.GROUNDED),
    *(UsageFact.DELIVERED_BYTES, UsageFact.DELTAS),
    *(UsageFact.MODEL, UsageFact.SERVICE_TIER),
)
"""Beginnings of the facts that a finding keeps. None of them contains text of the caller or of the answer."""


@record(frozen=True, slots=True)
class Finding:
    """Why a call should be looked at."""

    kinds: tuple[FindingKind, ...]
    """Sorted, without repeats, and not empty."""
    reason: str
    """A sentence for each kind, with the names of what has no price."""


def finding_of(kinds: Mapping[FindingKind, tuple[str, ...]]) -> Finding | None:
    """Returns the finding of a call; None if there is nothing to look at.

    Args:
        kinds: what was found, with the names that it is about, such as `fee:web_search`.
    """
    if not kinds:
        return None
    ordered = tuple(sorted(kinds))
    reasons = [
        f"{_REASONS[kind]}: {', '.join(names[:_MAX_NAMES])}" if (names := kinds[kind]) else _REASONS[kind]
        for kind in ordered
    ]
    return Finding(ordered, storable_text("; ".join(reasons), _MAX_REASON_CHARACTERS))


def reported_text(facts: Mapping[str, object]) -> str:
    """Returns what was reported as JSON, bounded and storable, without the token and any content."""
    kept = {
        key: storable_text(value, _MAX_FACT_CHARACTERS) if isinstance(value, str) else value
        for key, value in facts.items()
        if key.startswith(_KEPT)
    }
    return storable_text(json.dumps(kept), MAX_REPORT_CHARACTERS)
