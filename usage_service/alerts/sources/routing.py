"""What routing has saved in a month, against one baseline model for each virtual model, and use cases that went back to the
baseline."""

import datetime as dt
from typing import Any, Final

from gateway_core.model.alerts.event_types import MONTHLY_SAVINGS, ROUTING_RETURNED
from gateway_core.model.alerts.rules import Rule
from gateway_core.model.limits.cycles import Cycle, Period, period_at, period_before
from gateway_core.model.organization.scopes import Scope, ScopeKind
from usage_service.alerts.claims import Claimed
from usage_service.alerts.conditions import Told
from usage_service.alerts.events import Happening, time_text
from usage_service.alerts.sources.source import Found, Source, View, organization_place, places, told_by

_LATE_S: Final = 3 * 86_400
"""A month that ended so long ago is history."""
_IS_TOLD: Final = """
SELECT EXISTS (SELECT FROM alert_events e WHERE e.organization_id = $1 AND e.rule_id = $2 AND e.occasion = $3)
"""
# Every call of the month has been settled when all that was open at its end is. Holds that are open say when they were placed.
_IS_COMPLETE: Final = """
SELECT NOT EXISTS (SELECT FROM holds h WHERE h.organization_id = $1 AND h.state = 'HELD' AND h.place_time < $2)
"""
# Only calls that the chosen model served. A choice that was dearer counts against the saving.
_SAVED: Final = """
SELECT is_simple, count(*) AS calls, count(*) FILTER (WHERE saved_nano_credits IS NULL) AS unknown,
       coalesce(sum(baseline_nano_credits) FILTER (WHERE saved_nano_credits IS NOT NULL), 0)::bigint AS baseline,
       coalesce(sum(saved_nano_credits), 0)::bigint AS saved
  FROM routed_calls
 WHERE organization_id = $1 AND place_time >= $2 AND place_time < $3 AND arm IN ('ROUTED', 'BASELINE')
 GROUP BY is_simple
"""


# An event of it exists once, so those of a day may be read again.
_RETURNED: Final = """
SELECT r.return_id, r.use_case, r.measure, r.routed_count, r.routed_bad, r.held_out_count, r.held_out_bad, r.loss_basis_points,
       r.low_basis_points, r.allowed_basis_points, r.return_time, r.virtual_model_id, v.model_name, v.owner_kind, v.owner_id
  FROM routing_returns r
  JOIN virtual_models v ON v.organization_id = r.organization_id AND v.virtual_model_id = r.virtual_model_id
 WHERE r.organization_id = $1 AND r.return_time > $2
 ORDER BY r.return_time, r.return_id LIMIT $3
"""
_RETURNS_FOR: Final = dt.timedelta(days=1)
_RETURNS_PER_LOOK: Final = 200


async def _find(view: View) -> Found:
    told: list[Told] = []
    for rule in view.rules:
        told += await _savings(view, rule)
    return Found(told)


async def _savings(view: View, rule: Rule) -> list[Told]:
    claimed = view.claimed
    running = period_at(Cycle.MONTHLY, claimed.zone, claimed.now.timestamp())
    ended = period_before(Cycle.MONTHLY, claimed.zone, running.start_epoch_s)
    end, occasion = _instant(running.start_epoch_s), f"{MONTHLY_SAVINGS}:{ended.start_epoch_s}"
    if claimed.now.timestamp() > running.start_epoch_s + _LATE_S or rule.create_time >= end:
        return []
    connection, organization = view.connection, claimed.organization
    if await connection.fetchval(_IS_TOLD, organization, rule.rule_id, occasion):
        return []
    if not await connection.fetchval(_IS_COMPLETE, organization, end):
        return []
    rows = await connection.fetch(_SAVED, organization, _instant(ended.start_epoch_s), end)
    if not any(row["calls"] > row["unknown"] for row in rows):
        return []
    place = await organization_place(view)
    return [(rule, Happening(MONTHLY_SAVINGS, "INFO", place, occasion, savings_data(rows, ended)))]


def savings_data(rows: list[Any], period: Period) -> dict[str, object]:
    """Returns what receivers get: the sums, and those of simple and complex calls.

    Args:
        rows: for simple and complex calls, `is_simple`, `calls`, `unknown`, `baseline` and `saved`.
        period: the month.
    """
    parts = {bool(row["is_simple"]): row for row in rows}
    return {
        "periodStartTime": time_text(period.start_epoch_s),
        "periodEndTime": time_text(period.end_epoch_s or period.start_epoch_s),
        **_sums(list(parts.values())),
        "unknownCallCount": str(sum(row["unknown"] for row in rows)),
        "simple": _sums([parts[True]] if True in parts else []),
        "complex": _sums([parts[False]] if False in parts else []),
    }


def _sums(rows: list[Any]) -> dict[str, object]:
    return {
        "savedNanoCredits": str(sum(row["saved"] for row in rows)),
        "baselineNanoCredits": str(sum(row["baseline"] for row in rows)),
        "callCount": str(sum(row["calls"] - row["unknown"] for row in rows)),
    }


def _instant(epoch_s: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(epoch_s, dt.UTC)


SAVINGS: Final = Source("savings", frozenset({MONTHLY_SAVINGS}), lambda claimed: claimed.is_look_due, _find)


async def _find_returns(view: View) -> Found:
    claimed = view.claimed
    rows = await view.connection.fetch(_RETURNED, claimed.organization, claimed.now - _RETURNS_FOR, _RETURNS_PER_LOOK)
    owners = [Scope(ScopeKind(row["owner_kind"]), row["owner_id"]) for row in rows]
    found = await places(view, owners)
    told: list[Told] = []
    for owner, row in zip(owners, rows, strict=True):
        occasion = f"return:{row['return_id']}"
        happening = Happening(
            ROUTING_RETURNED, "WARNING", found[owner], occasion, _return_data(claimed.organization, row)
        )
        told += told_by([rule for rule in view.rules if rule.create_time <= row["return_time"]], [happening])
    return Found(told)


def _return_data(organization: str, row: Any) -> dict[str, object]:  # noqa: ANN401 - a row
    return {
        "virtualModel": f"organizations/{organization}/virtualModels/{row['virtual_model_id']}",
        "modelName": row["model_name"],
        "useCase": row["use_case"],
        "measure": row["measure"],
        "routedCount": str(row["routed_count"]),
        "routedBadCount": str(row["routed_bad"]),
        "heldOutCount": str(row["held_out_count"]),
        "heldOutBadCount": str(row["held_out_bad"]),
        "lossBasisPoints": row["loss_basis_points"],
        "lossBasisPointsLow": row["low_basis_points"],
        "allowedLossBasisPoints": row["allowed_basis_points"],
        "returnTime": time_text(row["return_time"].timestamp()),
    }


def _may_have_returned(claimed: Claimed) -> bool:
    return claimed.has_ledger_events or claimed.is_look_due


RETURNS: Final = Source("returns", frozenset({ROUTING_RETURNED}), _may_have_returned, _find_returns)
