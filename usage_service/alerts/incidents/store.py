"""The open incidents of one organization, in the transaction of a step."""

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from gateway_core.model.alerts.crossings import Key
from gateway_core.model.alerts.event_data import VERSION
from gateway_core.model.alerts.event_types import ALERT_CLOSED, BUDGET_RESET, ENDS
from gateway_core.model.alerts.rules import Place, Rule
from gateway_core.model.organization.scope_names import resource_name
from gateway_core.model.organization.scopes import Scope, ScopeKind
from usage_service.alerts.events import Event, encoded, hashed_id
from usage_service.alerts.held.store import HeldAlerts
from usage_service.alerts.incidents import statements
from usage_service.alerts.incidents.decisions import OPENS, Incident, Subject, over
from usage_service.alerts.sources.source import View, places

_ENDED: Final = frozenset(ENDS)


class Incidents:
    """Opens and ends incidents in channels that keep them."""

    def __init__(self, view: View, held: HeldAlerts) -> None:
        self._connection = view.connection
        self._organization = view.claimed.organization
        self._view = view
        self._held = held

    async def concerned(self, event: Event, channels: Collection[str]) -> frozenset[str]:
        """Returns which of these channels keep incidents, with those of other recipients in which the event ends one."""
        one, scope = event.happening, event.happening.place.scope
        ends = one.event_type in _ENDED
        rows = await self._connection.fetch(
            statements.CONCERNED, self._organization, sorted(channels), ends, event.rule.rule_id, one.occasion,
            scope.kind, scope.scope_id,
        )  # fmt: skip
        return frozenset(row["channel_id"] for row in rows)

    async def send(self, event: Event, channels: Collection[str]) -> None:
        """Sends an event to channels that keep incidents: each by itself, and its end at once."""
        one = event.happening
        if not channels or one.event_type == BUDGET_RESET:
            # The incident of the period before is closed instead.
            return
        subject = Subject(event.rule.rule_id, one.place, one.occasion)
        if one.event_type in _ENDED:
            await self._end(subject, event.event_id, channels)
            return
        schedule = event.rule.schedule.without_digests
        await self._held.send(event.event_id, one.severity, event.rule.rule_id, schedule, channels)
        if one.event_type in OPENS:
            await self._connection.execute(
                statements.OPEN,
                self._organization,
                sorted(channels),
                *_columns(subject),
                event.event_id,
                one.event_type,
            )

    async def close(self, rules: Sequence[Rule], left: Iterable[Key] | None) -> None:
        """Ends the incidents that nothing upholds any more.

        Args:
            rules: those in effect.
            left: the thresholds that are not reached any more; None to look at all incidents.
        """
        occasions = None if left is None else sorted({occasion for _, occasion, _ in left})
        if occasions == []:
            return
        rows = await self._connection.fetch(statements.INCIDENTS, self._organization, occasions)
        if not rows:
            return
        scopes = [Scope(ScopeKind(row["scope_kind"]), row["scope_id"]) for row in rows]
        found = await places(self._view, scopes)
        incidents = [
            Incident(
                row["channel_id"],
                Subject(row["rule_id"], found.get(scope, Place(scope)), row["occasion"]),
                row["event_id"],
                row["event_type"],
                tuple(row["reached"]),
                row["is_exhausted"],
            )
            for row, scope in zip(rows, scopes, strict=True)
        ]
        for subject, ended in itertools.groupby(over(incidents, rules), key=lambda one: one.subject):
            of_subject = list(ended)
            event_id = await self._put_closed(subject, of_subject[0])
            await self._end(subject, event_id, [one.channel for one in of_subject])

    async def _put_closed(self, subject: Subject, first: Incident) -> str:
        """Writes the event that closes incidents. Its id follows from the alert that opened the first of them."""
        scope, threshold = subject.place.scope, f"closed {first.event_id}"
        event_id = hashed_id("evt", self._organization, subject.rule_id, scope.encode(), subject.occasion, threshold)
        await self._connection.execute(
            statements.PUT_CLOSED, self._organization, event_id, ALERT_CLOSED, subject.rule_id, scope.kind, scope.scope_id,
            list(subject.place.group_path), subject.occasion, threshold, encoded(_closed_data(self._organization, subject, first)),
        )  # fmt: skip
        return event_id

    async def _end(self, subject: Subject, event_id: str, channels: Collection[str]) -> None:
        """Resolves the incident of a subject. What still waits for the end of quiet hours opens none any more."""
        columns = _columns(subject)
        await self._connection.execute(statements.DROP_HELD, self._organization, sorted(channels), *columns)
        await self._connection.execute(statements.END, self._organization, sorted(channels), *columns)
        await self._held.deliver([(channel, event_id) for channel in sorted(channels)])


def _columns(subject: Subject) -> tuple[str, str, str, str]:
    scope = subject.place.scope
    return subject.rule_id, subject.occasion, scope.kind, scope.scope_id


def _closed_data(organization: str, subject: Subject, first: Incident) -> Mapping[str, object]:
    scope = subject.place.scope
    return {
        "version": VERSION,
        "severity": "INFO",
        "organization": f"organizations/{organization}",
        "rule": f"organizations/{organization}/notificationRules/{subject.rule_id}",
        "scope": {
            "name": resource_name(organization, scope.kind, scope.scope_id),
            "displayName": subject.place.display_name,
        },
        "closed": {"event": first.event_id, "type": first.event_type},
    }
