"""An alert in one sentence, for people. Pure.

Names are whatever members typed. Who shows them in a product that gives some words a meaning must escape them.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway_core.model.alerts import event_types as types
from gateway_core.model.money import format_credits

MAX_NAME_CHARACTERS: Final = 80
MAX_SENTENCE_CHARACTERS: Final = 149
"""A header of a Slack message has fewer than 150 (https://docs.slack.dev/reference/block-kit/blocks/header-block)."""


def sentence_of(event_type: str, data: Mapping[str, Any]) -> str:
    """Returns what happened, in one sentence without a period, at most 149 characters."""
    return one_line(_sentence(event_type, data), MAX_SENTENCE_CHARACTERS)


def _sentence(event_type: str, data: Mapping[str, Any]) -> str:
    name = scope_of(data)
    sentence = SENTENCES.get(event_type)
    if sentence is not None:
        return sentence(name, data)
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


def _credit_low(name: str, data: Mapping[str, Any]) -> str:
    credit = mapping_in(data, "credit")
    left = credits_text(credit.get("leftNanoCredits"))
    days = credit.get("daysLeft")
    # JSON of the API has no integers.
    return f"{name} has {left} left" + ("" if days is None else f", enough for {days:g} days at the present rate")


def _summary(name: str, data: Mapping[str, Any], period: str) -> str:
    before, spent = data.get("spentBeforeNanoCredits"), credits_text(data.get("spentNanoCredits"))
    compared = f", after {credits_text(before)} the {period} before" if before not in (None, "0") else ""
    return f"{name} has spent {spent} in the last {period}{compared}"


def _part(data: Mapping[str, Any], part: str, field: str) -> str:
    value = mapping_in(data, part).get(field)
    return f"{value:g}" if isinstance(value, float) else one_line("" if value is None else value)


def _by(data: Mapping[str, Any]) -> str:
    actor = mapping_in(data, "actor")
    who = one_line(actor.get("displayName") or actor.get("name") or "")
    return f" by {who}" if who else ""


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else one_line(value or "")


def _savings(name: str, data: Mapping[str, Any]) -> str:
    saved = str(data.get("savedNanoCredits") or "0")
    if saved.startswith("-"):
        return f"Smart routing cost {name} {credits_text(saved[1:])} more last month than its baseline models"
    return f"Smart routing saved {name} {credits_text(saved)} last month, compared with its baseline models"


def _returned(_name: str, data: Mapping[str, Any]) -> str:
    model, use_case = one_line(data.get("modelName") or "", 50), one_line(data.get("useCase") or "", 40)
    return f"{model} sends {use_case} back to its baseline: routed answers were worse than allowed"


def _digest(name: str, data: Mapping[str, Any]) -> str:
    count = mapping_in(data, "digest").get("count")
    return f"{_number(count)} alert{'' if count == 1 else 's'} about {name}"


SENTENCES: Final[Mapping[str, Callable[[str, Mapping[str, Any]], str]]] = {
    types.ALERT_CLOSED: lambda name, _data: f"The alert about {name} is over",
    types.CHANNEL_DISABLED: lambda name, data: (
        f"The channel {name} was switched off: {one_line(mapping_in(data, 'channel').get('reason') or '')}"
    ),
    types.EXPORT_READY: lambda name, _data: f"The export {name} is ready",
    types.EXPORT_FAILED: lambda name, data: f"The export {name} failed: {one_line(data.get('reason') or '')}",
    types.DIGEST: _digest,
    types.THRESHOLD_REACHED: lambda name, data: f"{name} has used {_threshold(data)} of its {_budget(data)}",
    types.EXHAUSTED: lambda name, data: f"Calls of {name} are refused: too little is left of its {_budget(data)}",
    types.RECOVERED: lambda name, data: f"{name} is below {_threshold(data)} of its {_budget(data)} again",
    types.BUDGET_RESET: lambda name, data: f"The {_budget(data)} of {name} starts over",
    types.SPEND_REACHED: lambda name, data: f"{name} has spent {_threshold(data)} this month",
    types.SEATS_REACHED: lambda name, data: (
        f"{name} uses {_part(data, 'seats', 'used')} of {_part(data, 'seats', 'limit')} seats"
    ),
    types.SEATS_RECOVERED: lambda name, _data: f"{name} has free seats again",
    types.KEYS_REACHED: lambda name, data: (
        f"{name} has {_part(data, 'keys', 'used')} of {_part(data, 'keys', 'limit')} API keys"
    ),
    types.KEYS_RECOVERED: lambda name, _data: f"{name} may create API keys again",
    types.CALLS_REFUSED: lambda name, data: (
        f"{_part(data, 'calls', 'refused')} of {_part(data, 'calls', 'all')} calls of {name} exceeded a request limit in five"
        " minutes"
    ),
    types.CALLS_ADMITTED: lambda name, _data: f"Calls of {name} are within the request limits again",
    types.CREDIT_LOW: _credit_low,
    types.CREDIT_RECOVERED: lambda name, _data: f"{name} has enough credit again",
    types.CREDIT_EXHAUSTED: lambda name, _data: f"Calls of {name} are refused: its credit is used up",
    types.CREDIT_RESTORED: lambda name, _data: f"{name} has credit again",
    types.CREDIT_TOPPED_UP: lambda name, data: f"{name} got {credits_text(data.get('amountNanoCredits'))}",
    types.KEY_CREATED: lambda name, data: f"API key {name} was created{_by(data)}",
    types.KEY_DISABLED: lambda name, data: f"API key {name} was disabled{_by(data)}",
    types.KEY_DELETED: lambda name, data: f"API key {name} was deleted{_by(data)}",
    types.KEY_EXPIRING: lambda name, data: f"API key {name} expires on {one_line(data.get('expireTime') or '')[:10]}",
    types.KEY_UNUSED: lambda name, data: f"API key {name} has not been used for {_number(data.get('days'))} days",
    types.MEMBER_JOINED: lambda name, _data: f"{name} has joined",
    types.MEMBER_REMOVED: lambda name, data: f"{name} was removed{_by(data)}",
    types.INVITE_USED: lambda name, _data: f"Somebody has joined {name} by an invite",
    types.GUARDRAIL_CHANGED: lambda name, data: f"The limits of {name} were changed{_by(data)}",
    types.ANOMALY_FOUND: lambda name, data: (
        f"Unusual spend of {name}: {credits_text(data.get('spentNanoCredits'))}, where"
        f" {credits_text(data.get('expectedNanoCredits'))} were expected"
    ),
    types.USAGE_UNCONFIRMED: lambda name, data: (
        f"No report came about a call of {name} to {one_line(data.get('provider') or '')}: the charge is an estimate"
    ),
    types.USAGE_DOUBTFUL: lambda name, data: (
        f"{one_line(data.get('provider') or '')} reported doubtful usage about a call of {name}"
    ),
    types.ACCOUNT_REFUSED: lambda _name, data: (
        f"{one_line(data.get('provider') or '')} refuses the gateway's account: {one_line(data.get('reason') or '')}"
    ),
    types.ACCOUNT_ACCEPTED: lambda _name, data: (
        f"{one_line(data.get('provider') or '')} accepts the gateway's account again"
    ),
    types.PROVIDER_DOWN: lambda _name, data: (
        f"{_number(data.get('failedPercent'))} % of the calls to {one_line(data.get('provider') or '')} fail"
    ),
    types.PROVIDER_RECOVERED: lambda _name, data: f"Calls to {one_line(data.get('provider') or '')} succeed again",
    types.WEEKLY_SUMMARY: lambda name, data: _summary(name, data, "week"),
    types.MONTHLY_SUMMARY: lambda name, data: _summary(name, data, "month"),
    types.MONTHLY_SAVINGS: _savings,
    types.ROUTING_RETURNED: _returned,
    types.TEST: lambda _name, _data: "This is a test: alerts arrive here",
}
"""What each type of event says, of the name of its scope and its data."""
