"""What people did to keys, members, invites and guardrails, by the audit log."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from gateway_core.model.alerts.event_types import (
    GUARDRAIL_CHANGED,
    INVITE_USED,
    KEY_CREATED,
    KEY_DELETED,
    KEY_DISABLED,
    MEMBER_JOINED,
    MEMBER_REMOVED,
)
from gateway_core.model.alerts.rules import Place
from gateway_core.model.organization.scopes import Scope, ScopeKind
from usage_service.alerts.claims import ENTRIES_PER_STEP, Claimed
from usage_service.alerts.events import Happening
from usage_service.alerts.sources.source import Found, Source, View, places, told_by

_COLLECTIONS: Final = ("apiKeys", "members", "serviceAccounts", "invites", "guardrails")
_ENTRIES: Final = """
SELECT a.sequence, a.resource_name, a.before, a.after, a.member_id, a.group_path FROM audit_log a
 WHERE a.organization_id = $1 AND a.sequence > $2 AND a.refusal = ''
   AND split_part(a.resource_name, '/', 3) = ANY ($3::text[])
 ORDER BY a.sequence LIMIT $4
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A change that the audit log has."""

    sequence: int
    collection: str
    resource_id: str
    before: Mapping[str, Any]
    """Empty if it is new."""
    after: Mapping[str, Any]
    """Empty if it is gone."""
    actor: str
    """The member who made it; empty for others."""
    group_path: tuple[str, ...]

    @property
    def event_type(self) -> str | None:
        """What it means; None if it is not worth an event."""
        before, after = self.before.get("state"), self.after.get("state")
        match self.collection:
            case "apiKeys":
                if not self.before:
                    return KEY_CREATED
                if before == after:
                    return None
                return {"STATE_DISABLED": KEY_DISABLED, "STATE_DELETED": KEY_DELETED}.get(str(after))
            case "members" | "serviceAccounts":
                return _of_member(str(before or ""), str(after or ""))
            case "invites":
                used = int(self.after.get("useCount", 0)) > int(self.before.get("useCount", 0))
                return INVITE_USED if used and self.before else None
            case _:
                return GUARDRAIL_CHANGED

    @property
    def scope(self) -> Scope | None:
        """What it is about; None if that is a place in the tree."""
        match self.collection:
            case "apiKeys":
                return Scope(ScopeKind.API_KEY, self.resource_id)
            case "members" | "serviceAccounts":
                return Scope(ScopeKind.MEMBER, self.resource_id)
            case "guardrails":
                return _guarded(self.resource_id)
            case _:
                return None


def _of_member(before: str, after: str) -> str | None:
    gone = {"STATE_REMOVED", "STATE_DELETED", ""}
    if before in gone and after not in gone:
        return MEMBER_JOINED
    return MEMBER_REMOVED if before not in gone and after in gone else None


_GUARDED: Final = {
    "apikey": ScopeKind.API_KEY,
    "member": ScopeKind.MEMBER,
    "serviceaccount": ScopeKind.MEMBER,
    "group": ScopeKind.GROUP,
}


def _guarded(guardrail: str) -> Scope | None:
    kind, _, scope_id = guardrail.partition("-")
    return Scope(_GUARDED[kind], scope_id) if kind in _GUARDED else None


async def _find(view: View) -> Found:
    claimed = view.claimed
    rows = await view.connection.fetch(
        _ENTRIES, claimed.organization, claimed.audit_sequence, _COLLECTIONS, ENTRIES_PER_STEP
    )
    wanted = {event_type for rule in view.rules for event_type in rule.event_types}
    entries = [one for one in map(_entry, rows) if one.event_type in wanted]
    found = await places(view, [scope for one in entries if (scope := one.scope)])
    root = await places(view, [Scope(ScopeKind.ORGANIZATION, claimed.organization)]) if entries else {}
    actors = await places(view, [Scope(ScopeKind.MEMBER, one.actor) for one in entries if one.actor])
    happenings = [_happening(claimed.organization, one, found, next(iter(root.values())), actors) for one in entries]
    return Found(told_by(view.rules, happenings))


def _entry(row: asyncpg.Record) -> Entry:
    collection, resource_id = row["resource_name"].split("/")[2:4]
    return Entry(
        row["sequence"],
        collection,
        resource_id,
        json.loads(row["before"] or "{}"),
        json.loads(row["after"] or "{}"),
        row["member_id"] or "",
        tuple(row["group_path"]),
    )


def _happening(
    organization: str, entry: Entry, found: Mapping[Scope, Place], root: Place, actors: Mapping[Scope, Place]
) -> Happening:
    scope = entry.scope
    place = found[scope] if scope else Place(root.scope, entry.group_path, "", root.display_name)
    actor = actors.get(Scope(ScopeKind.MEMBER, entry.actor))
    details: dict[str, object] = {
        "actor": None if actor is None else {
            "name": f"organizations/{organization}/members/{entry.actor}",
            "displayName": actor.display_name,
        },
        "auditLogEntry": f"organizations/{organization}/auditLogEntries/{entry.sequence}",
    }  # fmt: skip
    if entry.collection == "guardrails":
        details["changedFields"] = _changed(entry.before, entry.after)
    if entry.collection == "invites":
        details["invite"] = {
            "name": f"organizations/{organization}/invites/{entry.resource_id}",
            "useCount": int(entry.after.get("useCount", 0)),
            "maxUses": int(entry.after.get("maxUses", 0)),
        }
    severity = "WARNING" if entry.event_type == KEY_DISABLED else "INFO"
    return Happening(str(entry.event_type), severity, place, f"audit:{entry.sequence}", details)


_NO_SETTINGS: Final = frozenset(
    {
        *("name", "etag", "createTime", "updateTime", "scopeDisplayName", "figuresHidden", "defaultOrigins"),
        *("spentNanoCredits", "heldNanoCredits", "remainingNanoCredits", "carriedNanoCredits", "softBudgetReached"),
        *("callCount", "shadowRefusalCount", "periodStartTime", "periodEndTime"),
    }
)
"""What a guardrail says besides its settings."""


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Sequence[str]:
    """Returns the settings that differ."""
    names = (before.keys() | after.keys()) - _NO_SETTINGS
    return sorted(name for name in names if _setting(before.get(name)) != _setting(after.get(name)))


def _setting(value: object) -> object:
    if isinstance(value, dict):
        return {name: _setting(part) for name, part in value.items() if name not in _NO_SETTINGS}
    return [_setting(part) for part in value] if isinstance(value, list) else value


def _is_due(claimed: Claimed) -> bool:
    return claimed.has_entries


LIFE: Final = Source(
    "life",
    frozenset({KEY_CREATED, KEY_DISABLED, KEY_DELETED, MEMBER_JOINED, MEMBER_REMOVED, INVITE_USED, GUARDRAIL_CHANGED}),
    _is_due,
    _find,
)
