"""Finds calls whose budget changed its cycle while they were under way."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from gateway_core.model.limits.cycles import Cycle, PeriodClock
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.stores.postgres.connections import Connection
from usage_service.settlement.cycle_changes import ChangedCounter, PresentCycle, changed_counters, later_counters
from usage_service.settlement.rows import RecordedSettlement

_STALE_FOR_US: Final = 3_600 * 10**6
"""Longer than an authz_service may place holds by a cycle that has changed: it bounds `identity_max_age_ms`."""

_PRESENT: Final = """
SELECT g.organization_id, g.scope_kind, g.scope_id, g.cycle, g.cycle_revision, o.time_zone,
       coalesce(g.carry_revision, g.cycle_revision) AS carry_revision, extract(epoch FROM g.reset_time)::float8 AS reset_epoch_s
  FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::text[])) AS s (organization_id, scope_kind, scope_id)
  JOIN guardrails g USING (organization_id, scope_kind, scope_id)
  JOIN organizations o USING (organization_id)
"""


async def with_later_counters(
    connection: Connection, recorded: Sequence[RecordedSettlement], change_times: Mapping[str, datetime | None]
) -> Sequence[RecordedSettlement]:
    """Adds to each settlement the current counters that it also counts in. Usually there are none, and no query is
    made.

    Args:
        connection: holds the locks on the organizations' ledgers, so that no cycle changes meanwhile.
        recorded: settlements of any organizations.
        change_times: when a cycle last changed, by organization.

    Returns:
        The settlements in the same order, with `later_counters` set.
    """
    until_us = {
        organization: change_time.timestamp() * 10**6 + _STALE_FOR_US
        for organization, change_time in change_times.items()
        if change_time is not None
    }
    overtaken = [entry for entry in recorded if _is_overtaken(entry, until_us)]
    if not overtaken:
        return recorded
    present = await _present_cycles(connection, overtaken)
    clock = PeriodClock()
    changes: dict[tuple[str, int], tuple[ChangedCounter, ...]] = {}
    """By organization and the identity of a hold's counters, because the calls of a key share them."""

    def with_changes(entry: RecordedSettlement) -> RecordedSettlement:
        hold = entry.settlement.hold
        known_as = hold.claims.organization, id(hold.claims.counters)
        changed = changes.get(known_as)
        if changed is None:
            changed = changes[known_as] = changed_counters(
                hold.claims.counters, present.get(hold.claims.organization, {})
            )
        if not changed or not _is_overtaken(entry, until_us):
            return entry
        return dataclasses.replace(entry, later_counters=later_counters(changed, hold.placed_epoch_us / 10**6, clock))

    return [with_changes(entry) for entry in recorded]


def _is_overtaken(entry: RecordedSettlement, until_us: Mapping[str, float]) -> bool:
    hold = entry.settlement.hold
    return hold.placed_epoch_us < until_us.get(hold.claims.organization, -1)


async def _present_cycles(
    connection: Connection, overtaken: Sequence[RecordedSettlement]
) -> dict[str, dict[Scope, PresentCycle]]:
    """Returns the current cycles by organization and scope."""
    holds = (entry.settlement.hold for entry in overtaken)
    distinct = {(hold.claims.organization, id(hold.claims.counters)): hold.claims.counters for hold in holds}
    scopes = {
        (organization, str(counter.kind), counter.scope_id)
        for (organization, _), counters in distinct.items()
        for counter in counters
    }
    columns = [list(column) for column in zip(*sorted(scopes), strict=True)]
    present: dict[str, dict[Scope, PresentCycle]] = {}
    for organization, kind, scope_id, cycle, revision, zone, carried, reset in await connection.fetch(
        _PRESENT, *columns
    ):
        scope = Scope(ScopeKind(kind), scope_id)
        now = PresentCycle(Cycle(cycle), revision, ZoneInfo(zone), carried, reset)
        present.setdefault(organization, {})[scope] = now
    return present
