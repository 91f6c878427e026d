"""Finds, among calls being settled, those that a change of a cycle overtook."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from gateway_core.domain.cycle_changes import PresentCycle, later_counters
from gateway_core.domain.cycles import Cycle, PeriodClock
from gateway_core.domain.scopes import Scope, ScopeKind
from gateway_core.edges.postgres.connections import Connection
from gateway_core.edges.postgres.settlement_rows import RecordedSettlement

_STALE_FOR_US: Final = 3_600 * 10**6
"""Longer than any authz_service may place holds by a cycle that has changed: `identity_max_age_ms` is bounded by it."""

_PRESENT: Final = """
SELECT g.organization_id, g.scope_kind, g.scope_id, g.cycle, g.cycle_revision, o.time_zone
  FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::text[])) AS s (organization_id, scope_kind, scope_id)
  JOIN guardrails g USING (organization_id, scope_kind, scope_id)
  JOIN organizations o USING (organization_id)
"""


async def with_later_counters(
    connection: Connection, recorded: Sequence[RecordedSettlement], change_times: Mapping[str, datetime | None]
) -> Sequence[RecordedSettlement]:
    """The settlements, each with the counters of now that it also counts in. Usually there is nothing to ask for.

    Args:
        connection: holds the locks on the organizations' ledgers, so that no cycle changes meanwhile.
        recorded: of any organizations.
        change_times: when a cycle changed last, by organization.
    """
    overtaken = [entry for entry in recorded if _is_overtaken(entry, change_times)]
    if not overtaken:
        return recorded
    present = await _present_cycles(connection, overtaken)
    clock = PeriodClock()

    def told(entry: RecordedSettlement) -> RecordedSettlement:
        hold = entry.settlement.hold
        cycles = present.get(hold.organization)
        if cycles is None:
            return entry
        later = later_counters(hold.counters, hold.placed_epoch_us / 10**6, cycles, clock)
        return dataclasses.replace(entry, later_counters=later)

    return [told(entry) if _is_overtaken(entry, change_times) else entry for entry in recorded]


def _is_overtaken(entry: RecordedSettlement, change_times: Mapping[str, datetime | None]) -> bool:
    hold = entry.settlement.hold
    change_time = change_times.get(hold.organization)
    return change_time is not None and hold.placed_epoch_us < change_time.timestamp() * 10**6 + _STALE_FOR_US


async def _present_cycles(
    connection: Connection, overtaken: Sequence[RecordedSettlement]
) -> dict[str, dict[Scope, PresentCycle]]:
    """By organization."""
    scopes = {
        (entry.settlement.hold.organization, str(counter.kind), counter.scope_id)
        for entry in overtaken
        for counter in entry.settlement.hold.counters
    }
    columns = [list(column) for column in zip(*sorted(scopes), strict=True)]
    present: dict[str, dict[Scope, PresentCycle]] = {}
    for organization, kind, scope_id, cycle, revision, zone in await connection.fetch(_PRESENT, *columns):
        scope = Scope(ScopeKind(kind), scope_id)
        present.setdefault(organization, {})[scope] = PresentCycle(Cycle(cycle), revision, ZoneInfo(zone))
    return present
