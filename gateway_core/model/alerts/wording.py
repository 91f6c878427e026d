"""An alert in one sentence, for people. Pure.

Names are whatever members typed. Who shows them in a product that gives some words a meaning must escape them.
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway_core.model.alerts.event_types import (
    CHANNEL_DISABLED,
    DIGEST,
    EXHAUSTED,
    RECOVERED,
    TEST,
    THRESHOLD_REACHED,
)
from gateway_core.model.money import format_credits

MAX_NAME_CHARACTERS: Final = 80
MAX_SENTENCE_CHARACTERS: Final = 149
"""A header of a Slack message has fewer than 150 (https://docs.slack.dev/reference/block-kit/blocks/header-block)."""


def sentence_of(event_type: str, data: Mapping[str, Any]) -> str:
    """Returns what happened, in one sentence without a period, at most 149 characters."""
    return one_line(_sentence(event_type, data), MAX_SENTENCE_CHARACTERS)


def _sentence(event_type: str, data: Mapping[str, Any]) -> str:
    name = scope_of(data)
    if event_type == THRESHOLD_REACHED:
        return f"{name} has used {_threshold(data)} of its {_budget(data)}"
    if event_type == EXHAUSTED:
        return f"Calls of {name} are refused: too little is left of its {_budget(data)}"
    if event_type == RECOVERED:
        return f"{name} is below {_threshold(data)} of its {_budget(data)} again"
    if event_type == CHANNEL_DISABLED:
        reason = one_line(mapping_in(data, "channel").get("reason") or "")
        return f"The channel {name} was switched off: {reason}"
    if event_type == DIGEST:
        count = mapping_in(data, "digest").get("count")
        return f"{count} alert{'' if count == 1 else 's'} about {name}"
    if event_type == TEST:
        return "This is a test: alerts arrive here"
    what = event_type.replace(".", ": ").replace("_", " ")
    return f"{what[:1].upper()}{what[1:]}" + (f" ({name})" if name else "")


def scope_of(data: Mapping[str, Any]) -> str:
    """Returns the name of what an alert is about; empty if it is about nothing in particular."""
    scope = mapping_in(data, "scope")
    return one_line(scope.get("displayName") or scope.get("name") or "")


def credits_text(nano_credits: object) -> str:
    """Returns an amount of the data with its unit; empty without one."""
    try:
        return f"{format_credits(int(str(nano_credits)))} credits" if nano_credits is not None else ""
    except ValueError:
        return ""


def mapping_in(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Returns a part of the data; empty if there is none."""
    found = data.get(name)
    return found if isinstance(found, Mapping) else {}


def one_line(text: object, most_characters: int = MAX_NAME_CHARACTERS) -> str:
    """Returns untrusted text as one line of a bounded length."""
    line = " ".join(str(text).split())
    return line if len(line) <= most_characters else f"{line[: most_characters - 1]}…"


def _threshold(data: Mapping[str, Any]) -> str:
    threshold = mapping_in(data, "threshold")
    percent = threshold.get("percent")
    # JSON of the API has no integers.
    return f"{percent:g} %" if percent is not None else credits_text(threshold.get("amountNanoCredits"))


def _budget(data: Mapping[str, Any]) -> str:
    budget = mapping_in(data, "budget")
    models = one_line(budget.get("models") or "")
    cycle = {"DAILY": "daily ", "WEEKLY": "weekly ", "MONTHLY": "monthly "}.get(str(budget.get("cycle")), "")
    return f"{cycle}budget" + (f" for {models}" if models else "")
