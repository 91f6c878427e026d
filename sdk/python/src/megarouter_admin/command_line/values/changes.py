"""Says what a change changed, from the resource before and after it as the audit log has them. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from megarouter_admin.command_line.values.amounts import format_credits
from megarouter_admin.command_line.values.names import short_name

_NANO_CREDITS: Final = "NanoCredits"
_UNSAID: Final = frozenset(
    {"name", "etag", "figuresHidden", "scopeDisplayName", "memberDisplayName", "defaultOrigins", "limitOrigins"}
)
"""Fields that change with every change, that the entry names anyway, or that follow from another change."""
_FIGURES: Final = frozenset(
    {
        "spentNanoCredits",
        "heldNanoCredits",
        "usedNanoCredits",
        "remainingNanoCredits",
        "balanceNanoCredits",
        "carriedNanoCredits",
        "softBudgetReached",
        "callCount",
        "shadowRefusalCount",
        "keyCount",
        "childCount",
        "memberCount",
        "subtreeMemberCount",
    }
)
"""Fields that change with use, not with a change of the resource. They are left out at every depth."""
_SAID_TIMES: Final = frozenset({"expireTime", "overlapEndTime"})
"""The times that a person sets. All others say when the change was made, or follow from it."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field that a change set, changed or removed."""

    field: str
    """In words, such as `display name`."""
    before: str
    """Empty if it was not set."""
    after: str
    """Empty if it is no longer set."""

    def __str__(self) -> str:
        return f"{self.field}: {self.before or 'none'} → {self.after or 'none'}"


def field_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[FieldChange]:
    """Returns the fields that differ, in the order of their names."""
    fields = sorted(filter(_is_said, before.keys() | after.keys()))
    changes = [
        FieldChange(_words(field), *(_shown(field, one.get(field)) for one in (before, after))) for field in fields
    ]
    return [change for change in changes if change.before != change.after]


def summary(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Returns what changed in one line: `new`, `deleted`, or each field with its old and its new value."""
    if not before:
        return "new" if after else ""
    if not after or (after.get("deleteTime") and not before.get("deleteTime")):
        return "deleted"
    return "; ".join(map(str, field_changes(before, after)))


def _is_said(field: str) -> bool:
    return field not in _UNSAID | _FIGURES and (not field.endswith("Time") or field in _SAID_TIMES)


def _words(field: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", field.removesuffix(_NANO_CREDITS)).lower()


def _shown(field: str, value: Any) -> str:  # noqa: ANN401 - any value of JSON
    if value in (None, "", [], {}):
        return ""
    if field.endswith(_NANO_CREDITS):
        return format_credits(int(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return _text(field, value)
    if isinstance(value, list):
        return ", ".join(_shown(field, item) for item in value)
    if isinstance(value, Mapping):
        said = ((name, item) for name, item in sorted(value.items()) if name not in _FIGURES | {"name"})
        inner = [(_words(name), text) for name, item in said if (text := _shown(name, item))]
        return inner[0][1] if len(inner) == 1 else ", ".join(f"{name} {text}" for name, text in inner)
    return f"{value:,.0f}" if float(value).is_integer() else str(value)


def _text(field: str, value: str) -> str:
    prefix = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", field).upper() + "_"
    if value.startswith(prefix):
        word = value.removeprefix(prefix).lower().replace("_", "-")
        return "" if word == "unspecified" else word
    return short_name(value) if re.match(r"(organizations|users)/", value) else value
