"""Reads what alerts are decided from, and writes events and deliveries. Everything runs in the transaction of one step."""

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from zoneinfo import ZoneInfo

import asyncpg

from gateway_core.model.alerts.crossings import Budget, Crossing, Key, State
from gateway_core.model.alerts.inheritance import StoredRule, in_effect
from gateway_core.model.alerts.rules import Conditions, Place, Recipient, Rule, thresholds_of, without_leavers
from gateway_core.model.alerts.schedules import Schedule
from gateway_core.model.limits.counters import Counter
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.stores.postgres.connections import Connection
from usage_service.alerts import statements
from usage_service.alerts.claims import ENTRIES_PER_STEP, Claimed
from usage_service.alerts.events import CrossingCall, Event, encoded
from usage_service.alerts.held.store import HeldAlerts
from usage_service.alerts.incidents.store import Incidents
from usage_service.alerts.looks import RATE_REFUSALS
from usage_service.alerts.recipients import Addressees, Admin

REFUSALS_OF_ALERTS: Final = ("budget_exhausted", "credit_exhausted", *RATE_REFUSALS)
_CHANGES_OVERLAP: Final = dt.timedelta(seconds=15)
"""A change carries the time at which its transaction began, and is visible when it ends. None takes longer."""
_ENTRIES_OVERLAP: Final = 2 * _CHANGES_OVERLAP
"""An entry that is older was numbered before every transaction that can still add an entry began."""
_LATE: Final = dt.timedelta(hours=1)
"""Charges of periods that ended so long ago are history, and history sends no alerts."""


class AlertStore:
    """The alerts of one organization, in a transaction that is repeatable read and acts for it."""

    def __init__(self, connection: Connection, claimed: Claimed) -> None:
        self._connection = connection
        self._claimed = claimed
        self._admins: Sequence[Admin] | None = None

    @staticmethod
    async def claim(connection: Connection, organization: str) -> Claimed | None:
        """Locks the position of an organization; None if another process has it."""
        row = await connection.fetchrow(statements.CLAIM, organization, REFUSALS_OF_ALERTS)
        if row is None:
            return None
        zone = ZoneInfo(row["time_zone"])
        values = {name: value for name, value in row.items() if name != "time_zone"}
        return Claimed(organization=organization, zone=zone, **values)

    async def rules(self) -> Sequence[Rule]:
        """Returns the rules that are enabled."""
        rows = await self._connection.fetch(statements.RULES, self._claimed.organization)
        rules = in_effect([_stored_rule(row) for row in rows])
        named = {one.recipient_id for rule in rules for one in rule.recipients if one.group}
        if not named:
            return rules
        paths = await self._connection.fetch(statements.GROUP_PATHS, self._claimed.organization, sorted(named))
        return without_leavers(rules, {row["member_id"]: row["group_path"] for row in paths})

    async def budgets(self) -> Sequence[Budget]:
        """Returns the budgets that were charged or changed since the last step, as they are now."""
        claimed = self._claimed
        rows = await self._connection.fetch(
            statements.BUDGETS, claimed.organization, claimed.sequence, claimed.head, claimed.changes_until,
            claimed.now - _LATE,
        )  # fmt: skip
        return [
            Budget(
                Counter.decode(row["counter"]),
                Place(
                    Scope(ScopeKind(row["scope_kind"]), row["scope_id"]),
                    tuple(row["group_path"]),
                    row["member_id"],
                    row["display_name"],
                ),
                row["limit_nano_credits"],
                row["spent_nano_credits"],
                row["refuses_calls"],
            )
            for row in rows
        ]

    async def states(self, occasions: Iterable[str]) -> Mapping[Key, State]:
        """Returns what is known of the thresholds of these occasions."""
        rows = await self._connection.fetch(statements.STATES, self._claimed.organization, sorted(set(occasions)))
        return {(rule, occasion, threshold): State(*rest) for rule, occasion, threshold, *rest in rows}

    async def crossing_call(self, crossing: Crossing) -> CrossingCall | None:
        """Returns the call whose charge reached the threshold; None if no call did, but a change."""
        claimed, budget = self._claimed, crossing.budget
        row = await self._connection.fetchrow(
            statements.CROSSING_CALL, claimed.organization, claimed.sequence, claimed.head, budget.counter.encode(),
            budget.spent_nano_credits, crossing.amount_nano_credits,
        )  # fmt: skip
        return None if row is None else CrossingCall(*row)

    async def admins(self) -> Sequence[Admin]:
        """Returns the active members with rights over others. Reads them once."""
        if self._admins is None:
            rows = await self._connection.fetch(statements.ADMINS, self._claimed.organization)
            self._admins = [Admin(*row) for row in rows]
        return self._admins

    def held(self) -> HeldAlerts:
        """Returns the alerts that wait to be sent."""
        claimed = self._claimed
        return HeldAlerts(self._connection, claimed.organization, claimed.zone, claimed.now)

    async def write(self, events: Sequence[tuple[Event, Addressees]], incidents: Incidents) -> None:
        """Writes events, with what is to be sent about them. An event that exists stays as it is, and nothing is sent again."""
        ids = [event.event_id for event, _ in events]
        known = {row[0] for row in await self._connection.fetch(statements.KNOWN, self._claimed.organization, ids)}
        for event, to in events:
            if event.event_id in known:
                continue
            one = event.happening
            is_new = await self._connection.fetchval(
                statements.PUT_EVENT, self._claimed.organization, event.event_id, one.event_type, one.severity,
                event.rule.rule_id, one.place.scope.kind, one.place.scope.scope_id, list(one.place.group_path),
                one.occasion, one.threshold, one.epoch, one.sequence, one.hold_id, encoded(event.data),
            )  # fmt: skip
            if is_new:
                await self._address(event, to, incidents)

    async def put_states(self, states: Mapping[Key, State]) -> None:
        """Notes which thresholds are reached."""
        if states:
            columns = zip(*((*key, state.epoch, state.is_reached) for key, state in states.items()), strict=True)
            await self._connection.execute(statements.PUT_STATES, self._claimed.organization, *map(list, columns))

    async def advance(self, next_look_time: dt.datetime) -> None:
        """Notes that everything up to now was looked at."""
        claimed = self._claimed
        audit_sequence = claimed.audit_sequence
        if claimed.has_entries:
            audit_sequence = await self._connection.fetchval(
                statements.AUDIT_PASSED,
                claimed.organization,
                audit_sequence,
                claimed.now - _ENTRIES_OVERLAP,
                ENTRIES_PER_STEP,
            )
        await self._connection.execute(
            statements.ADVANCE, claimed.organization, claimed.head, claimed.now - _CHANGES_OVERLAP, audit_sequence,
            claimed.now if claimed.is_look_due else claimed.looked_until, next_look_time,
            claimed.audit_head,
        )  # fmt: skip

    async def _address(self, event: Event, to: Addressees, incidents: Incidents) -> None:
        claimed = self._claimed
        members = sorted(to.members)
        await self._connection.execute(statements.PUT_INBOX, claimed.organization, event.event_id, members)
        personal = await self._connection.fetch(statements.PERSONAL_CHANNELS, claimed.organization, members)
        mails = await self._connection.fetch(
            statements.MAIL_CHANNELS, claimed.organization, members, event.happening.event_type
        )
        channels = to.channels | {row[0] for row in (*personal, *mails)}
        keeping = await incidents.concerned(event, channels)
        one, rule = event.happening, event.rule
        await self.held().send(event.event_id, one.severity, rule.rule_id, rule.schedule, channels - keeping)
        await incidents.send(event, keeping)


async def organizations_behind(
    connection: Connection, after: str, limit: int, among: Sequence[str] | None = None
) -> Sequence[str]:
    """Returns a page of the organizations that have news, by id.

    Args:
        connection: may read every organization.
        after: the last id of the page before.
        limit: of the page.
        among: looks at these, and at those in which something changed in the last half minute or that are due; None: at all.
    """
    if among is None:
        rows = await connection.fetch(statements.BEHIND, after, limit, REFUSALS_OF_ALERTS)
    else:
        rows = await connection.fetch(statements.BEHIND_LATELY, after, limit, REFUSALS_OF_ALERTS, among)
    return [row["organization_id"] for row in rows]


async def begin(connection: Connection, organization: str) -> None:
    """Lets the alerts of an organization begin at the present end of its ledger, so that history sends nothing."""
    await connection.execute(statements.BEGIN, organization)


def _stored_rule(row: asyncpg.Record) -> StoredRule:
    scope = Scope(ScopeKind(row["scope_kind"]), row["scope_id"])
    rule = Rule(
        row["rule_id"],
        frozenset(row["event_types"]),
        scope,
        row["includes_descendants"],
        thresholds_of(row["percents"], row["amounts_nano_credits"]),
        tuple(Recipient(one["kind"], one.get("id", ""), one.get("group", "")) for one in json.loads(row["recipients"])),
        row["severity"],
        Schedule.decode(row["frequency"], row["quiet_hours"]),
        conditions=Conditions(**json.loads(row["conditions"])),
        create_time=row["create_time"],
    )
    place = Place(scope, tuple(row["group_path"]), row["member_id"])
    return StoredRule(rule, place, row["overrides_rule_id"] or "", row["forbids_overrides"], row["is_enabled"])
