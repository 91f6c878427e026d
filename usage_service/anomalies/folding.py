"""Decides which of a day's anomalies are one alarm. Pure.

- A key's anomaly is that of its member, if the member has one.
- A group's anomaly is that of one member or of one group below, if that has at least half of its excess.
- If no one has, the anomalies of its members are that of the group, which lists their parts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway_core.model.organization.scopes import ScopeKind

_EXPLAINS: Final = 2
"""What has one half of an excess explains it."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An anomaly of a day."""

    anomaly_id: str
    kind: ScopeKind
    scope_id: str
    group_path: tuple[str, ...]
    """To the group itself, or of the member's group."""
    member: str
    """Of a member or a key."""
    excess: int


def folded(alarms: Sequence[Alarm]) -> Mapping[str, str]:
    """Returns which anomalies of a day another one explains: the id of the explained one, and that of the other."""
    members = [alarm for alarm in alarms if alarm.kind is ScopeKind.MEMBER]
    groups = sorted(
        (alarm for alarm in alarms if alarm.kind is ScopeKind.GROUP),
        key=lambda alarm: (-len(alarm.group_path), alarm.scope_id),
    )
    by: dict[str, str] = {}
    for alarm in alarms:
        owner = next((one for one in members if one.member == alarm.member), None)
        if alarm.kind is ScopeKind.API_KEY and owner is not None:
            by[alarm.anomaly_id] = owner.anomaly_id
    for group in groups:
        below = [one for one in members if group.scope_id in one.group_path]
        smaller = [one for one in groups if group.scope_id in one.group_path[:-1]]
        cause = max([*below, *smaller], key=lambda one: (one.excess, one.anomaly_id), default=None)
        if cause is not None and cause.excess * _EXPLAINS >= group.excess:
            by[group.anomaly_id] = cause.anomaly_id
        else:
            by.update({one.anomaly_id: group.anomaly_id for one in below if one.anomaly_id not in by})
    return {explained: _root(by, explained) for explained in by}


def _root(by: Mapping[str, str], anomaly: str) -> str:
    # A group explains only members, and only what explains a larger group. So there is no circle.
    while anomaly in by:
        anomaly = by[anomaly]
    return anomaly
