"""Finds the counters that a charge counts in besides those of its hold.

- The budget changed its cycle while the call was under way: it also counts in the present cycle.
- The charge arrives after what was left of its period has been carried on. What is carried into a period depends on the
  counter of the period before, and follows it. It also depends on older periods, but as they were when the period began.
  A charge on one of those counts on the latest period as well, so nothing that was carried is spent twice. That is rare:
  the call must have been placed more than a whole period ago.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from gateway_core.model.limits.cycles import Cycle, PeriodClock
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.runtime.bounded_memory import BoundedMemory
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.ledger_store import LedgerHead
from usage_service.settlement.cycle_changes import ChangedCounter, PresentCycle, changed_counters, later_counters
from usage_service.settlement.rows import RecordedSettlement, Settlement

_STALE_FOR_US: Final = 3_600 * 10**6
"""Longer than an authz_service may place holds by a cycle that has changed: it bounds `identity_max_age_ms`."""

_MAX_REMEMBERED: Final = 20_000
"""Keys whose counters are remembered. A key has the same counters for at least a day."""

_PRESENT: Final = """
SELECT g.organization_id, g.scope_kind, g.scope_id, g.cycle, g.cycle_revision, o.time_zone,
       coalesce(g.carry_revision, g.cycle_revision) AS carry_revision, extract(epoch FROM g.reset_time)::float8 AS reset_epoch_s
  FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::text[])) AS s (organization_id, scope_kind, scope_id)
  JOIN guardrails g USING (organization_id, scope_kind, scope_id)
  JOIN organizations o USING (organization_id)
"""

_SHORTEST_PERIOD_S: Final = 22 * 3_600
"""Less than a day on which clocks go forward."""

_DEPENDENT: Final = """
SELECT charged.organization_id, charged.counter, latest.counter
  FROM unnest($1::text[], $2::text[]) AS charged (organization_id, counter)
  JOIN budget_carries p ON p.organization_id = charged.organization_id AND p.counter = charged.counter
 CROSS JOIN LATERAL (
    SELECT c.* FROM budget_carries c
     WHERE c.organization_id = p.organization_id AND c.budget = p.budget AND c.lineage = p.lineage
     ORDER BY c.revision DESC, c.period_start DESC LIMIT 1) AS latest
 WHERE (latest.revision, latest.period_start) > (p.revision, p.period_start) AND latest.base_nano_credits > 0
   AND latest.previous IS DISTINCT FROM p.counter
"""


class UnchangedCounters:
    """Remembers which counters no change of a cycle concerns, so that they are looked up once after each change.

    The answer stays right until a cycle changes in the organization again, which moves the time of its last change.
    """

    def __init__(self) -> None:
        self._known: BoundedMemory[tuple[str, tuple[str, ...]], datetime] = BoundedMemory(_MAX_REMEMBERED)

    def includes(self, settlement: Settlement, change_time: datetime) -> bool:
        """Returns whether the counters of the hold are known to be as they were when the call was placed."""
        return self._known.get((settlement.hold.claims.organization, settlement.counters)) == change_time

    def remember(self, settlement: Settlement, change_time: datetime) -> None:
        """Remembers that no change concerns the counters of the hold."""
        self._known.remember((settlement.hold.claims.organization, settlement.counters), change_time)


async def with_later_counters(
    connection: Connection,
    recorded: Sequence[RecordedSettlement],
    change_times: Mapping[str, datetime | None],
    unchanged: UnchangedCounters | None = None,
) -> Sequence[RecordedSettlement]:
    """Adds to each settlement the current counters that it also counts in. Usually there are none, and no query is
    made.

    Args:
        connection: holds the locks on the organizations' ledgers, so that no cycle changes meanwhile.
        recorded: settlements of any organizations.
        change_times: when a cycle last changed, by organization.
        unchanged: what earlier batches found, and where this one remembers what it finds; None to remember nothing.

    Returns:
        The settlements in the same order, with `later_counters` set.
    """
    unchanged = unchanged or UnchangedCounters()
    overtaken = [entry for entry in recorded if _may_have_later_counters(entry, change_times, unchanged)]
    if not overtaken:
        return recorded
    present = await _present_cycles(connection, overtaken)
    clock = PeriodClock()
    changes: dict[tuple[str, int], tuple[ChangedCounter, ...]] = {}
    """By organization and the identity of a hold's counters, because the calls of a key share them."""
    later: dict[int, tuple[str, ...]] = {}
    """By the identity of an entry."""
    for entry in overtaken:
        hold = entry.settlement.hold
        organization, counters = hold.claims.organization, hold.claims.counters
        changed = changes.get((organization, id(counters)))
        if changed is None:
            changed = changes[organization, id(counters)] = changed_counters(counters, present.get(organization, {}))
            if not changed and (change_time := change_times[organization]) is not None:
                unchanged.remember(entry.settlement, change_time)
        if changed:
            later[id(entry)] = later_counters(changed, hold.placed_epoch_us / 10**6, clock)
    if not later:
        return recorded
    return [
        dataclasses.replace(entry, later_counters=later[id(entry)]) if id(entry) in later else entry
        for entry in recorded
    ]


def _may_have_later_counters(
    entry: RecordedSettlement, change_times: Mapping[str, datetime | None], unchanged: UnchangedCounters
) -> bool:
    change_time = change_times.get(entry.settlement.hold.claims.organization)
    return (
        change_time is not None
        and bool(entry.settlement.hold.claims.counters)
        and _is_overtaken(entry, change_time)
        and not unchanged.includes(entry.settlement, change_time)
    )


def _is_overtaken(entry: RecordedSettlement, change_time: datetime | None) -> bool:
    """Returns whether a call may have been placed by a cycle that has changed since."""
    if change_time is None:
        return False
    return entry.settlement.hold.placed_epoch_us < change_time.timestamp() * 10**6 + _STALE_FOR_US


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


async def with_dependent_counters(
    connection: Connection, recorded: Sequence[RecordedSettlement], heads: Mapping[str, LedgerHead]
) -> Sequence[RecordedSettlement]:
    """Adds to each charge the counters of later periods that must carry it. Usually there are none, and no query is made.

    Args:
        connection: holds the locks on the organizations' ledgers, so that no period begins meanwhile.
        recorded: settlements of any organizations.
        heads: of those ledgers.

    Returns:
        The settlements in the same order.
    """
    late = {
        (entry.settlement.hold.claims.organization, counter)
        for entry in recorded
        if _is_late(entry, heads[entry.settlement.hold.claims.organization])
        for counter in entry.settlement.counters
    }
    if not late:
        return recorded
    columns = [list(column) for column in zip(*sorted(late), strict=True)]
    dependent = {(row[0], row[1]): row[2] for row in await connection.fetch(_DEPENDENT, *columns)}
    return [
        _with_dependent(entry, dependent)
        if _is_late(entry, heads[entry.settlement.hold.claims.organization])
        else entry
        for entry in recorded
    ]


def _is_late(entry: RecordedSettlement, head: LedgerHead) -> bool:
    # What a correction gives back was not carried, so it is not given again.
    if head.last_carry_start is None or entry.delta_nano_credits <= 0:
        return False
    placed_epoch_s = entry.settlement.hold.placed_epoch_us / 10**6
    return placed_epoch_s < head.last_carry_start.timestamp() - _SHORTEST_PERIOD_S or _is_overtaken(
        entry, head.cycle_change_time
    )


def _with_dependent(entry: RecordedSettlement, dependent: Mapping[tuple[str, str], str]) -> RecordedSettlement:
    organization = entry.settlement.hold.claims.organization
    found = [dependent.get((organization, counter)) for counter in entry.settlement.counters]
    later = dict.fromkeys([*entry.later_counters, *(counter for counter in found if counter)])
    return dataclasses.replace(entry, later_counters=tuple(later))
