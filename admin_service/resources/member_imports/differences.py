"""Says what a row changes, field by field. Pure."""

from collections.abc import Iterator

from megarouter.admin.v1.member_pb2 import MemberRowResult

from admin_service.resources.guardrails.member_limits import LimitValues
from admin_service.resources.guardrails.store import Settings

_LIMITS = ("budget_nano_credits", "cycle", "requests_per_minute", "model_whitelist", "rollover")


def limit_changes(before: Settings, after: Settings) -> Iterator[MemberRowResult.Change]:
    """Yields the limits that differ. A cycle without a budget means nothing, so it is left out."""
    for name in _LIMITS:
        was, now = _shown(before, name), _shown(after, name)
        if was != now:
            yield MemberRowResult.Change(field=name, before=was, after=now)


def change(field: str, before: str, after: str) -> Iterator[MemberRowResult.Change]:
    """Yields the change of a text if it differs."""
    if before != after:
        yield MemberRowResult.Change(field=field, before=before, after=after)


def begins_with(invited: LimitValues, asked: LimitValues) -> bool:
    """Returns whether an invite gives a new member the limits that a row asks for."""
    return _given(invited) == _given(asked)


def _given(values: LimitValues) -> dict[str, object]:
    given = {name: value for name, value in values.items() if value is not None}
    if "budget_nano_credits" in given:
        given.setdefault("cycle", "NEVER")
    else:
        given.pop("cycle", None)
        given.pop("rollover", None)
    return given


def _shown(settings: Settings, name: str) -> str:
    value = getattr(settings, name)
    if value is None or (name == "cycle" and settings.budget_nano_credits is None):
        return ""
    if name == "rollover":
        return "on" if value.cap_nano_credits is None else str(value.cap_nano_credits)
    if name == "model_whitelist":
        return ", ".join(value) or "none"
    return str(value)
