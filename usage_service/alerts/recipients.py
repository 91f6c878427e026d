"""Decides who gets an alert: members by their inbox, channels by a delivery. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway_core.model.alerts.rules import Place, Recipient
from gateway_core.model.organization.scopes import ScopeKind


@dataclass(frozen=True, slots=True)
class Admin:
    """An active member with rights over others."""

    member: str
    role: str
    group: str | None
    """The group that they administer; None for a Super Admin."""


@dataclass(frozen=True, slots=True)
class Addressees:
    """Who gets an alert, each once."""

    members: frozenset[str]
    channels: frozenset[str]


def addressees(recipients: Iterable[Recipient], place: Place, admins: Sequence[Admin]) -> Addressees:
    """Returns who gets an alert about a scope."""
    members: set[str] = set()
    channels: set[str] = set()
    for one in recipients:
        match one.kind:
            case "OWNER":
                members |= _owners(place, admins)
            case "GROUP_ADMINS":
                members |= _group_admins(place, admins)
            case "SUPER_ADMINS":
                members |= _super_admins(admins)
            case "MEMBER":
                members.add(one.recipient_id)
            case "CHANNEL":
                channels.add(one.recipient_id)
            case unknown:
                raise ValueError(f"a rule names a recipient of an unknown kind: {unknown}")
    return Addressees(frozenset(members), frozenset(channels))


def _owners(place: Place, admins: Sequence[Admin]) -> set[str]:
    """The member, the owner of the key, or who administers the group or organization."""
    if place.scope.kind in (ScopeKind.MEMBER, ScopeKind.API_KEY):
        return {place.member}
    return _group_admins(place, admins)


def _group_admins(place: Place, admins: Sequence[Admin]) -> set[str]:
    """The admins of the innermost group that has any; without one, the Super Admins."""
    for group in reversed(place.group_path):
        found = {admin.member for admin in admins if admin.group == group}
        if found:
            return found
    return _super_admins(admins)


def _super_admins(admins: Sequence[Admin]) -> set[str]:
    return {admin.member for admin in admins if admin.role == "SUPER_ADMIN"}
