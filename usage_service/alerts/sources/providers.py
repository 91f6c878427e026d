"""Providers that fail or refuse the gateway's account, and that work again, told to the organizations that call them."""

import datetime as dt
from collections.abc import Mapping
from typing import Final

import asyncpg

from gateway_core.model.alerts.event_types import (
    ACCOUNT_ACCEPTED,
    ACCOUNT_REFUSED,
    PROVIDER_DOWN,
    PROVIDER_RECOVERED,
)
from usage_service.alerts.claims import Claimed
from usage_service.alerts.conditions import Condition
from usage_service.alerts.sources.source import (
    Found,
    ProviderHealth,
    Source,
    View,
    organization_place,
)

MIN_CALLS: Final = 10
"""Fewer calls say nothing about a provider."""
_AGAIN_S: Final = 60.0
_BEGINNING: Final = "provider:"
_CONCERNED: Final = """
SELECT p.provider_id,
       EXISTS (SELECT FROM usage_records u WHERE u.organization_id = $1 AND u.provider_id = p.provider_id
                  AND u.settle_time > now() - interval '5 minutes') AS calls,
       EXISTS (SELECT FROM alert_states s
                WHERE s.organization_id = $1 AND s.occasion = 'provider:' || p.provider_id AND s.is_reached) AS is_told
  FROM providers p
"""


_OVERLAP: Final = dt.timedelta(seconds=5)
"""A refusal is stored a moment after the call."""
# Accounts that were refused lately, and those of which that is told. An answered call after the last refusal ends it.
_ACCOUNTS: Final = """
SELECT r.provider_id, r.reason, r.ledger_sequence, r.hold_id,
       NOT EXISTS (SELECT FROM usage_records u
                    WHERE u.organization_id = $1 AND u.sequence > r.ledger_sequence AND u.provider_id = r.provider_id
                      AND u.outcome = 'SETTLED' AND u.source = 'provider') AS is_refused
  FROM account_refusals r
 WHERE r.organization_id = $1
   AND (r.update_time > $2
        OR EXISTS (SELECT FROM alert_states s
                    WHERE s.organization_id = $1 AND s.occasion = 'account:' || r.provider_id AND s.is_reached))
 ORDER BY r.provider_id
"""


async def provider_health(pool: asyncpg.Pool) -> Mapping[str, ProviderHealth]:
    """Returns how providers did in the last five minutes, without those that were not called."""
    rows = await pool.fetch("SELECT provider_id, call_count, failed_count FROM provider_health()")
    return {provider: ProviderHealth(*counts) for provider, *counts in rows}


async def _find(view: View) -> Found:
    failing = {name for name, health in view.providers.items() if health.failed_percent > 0}
    rows = await view.connection.fetch(_CONCERNED, view.claimed.organization)
    concerned = [
        row["provider_id"] for row in rows if row["is_told"] or (row["calls"] and row["provider_id"] in failing)
    ]
    if not concerned:
        return Found()
    place = await organization_place(view)
    conditions = []
    for provider in concerned:
        health = view.providers.get(provider, ProviderHealth(0, 0))
        for rule in view.rules:
            if not rule.speaks_of(place):
                continue
            percent = rule.conditions.failed_percent
            conditions.append(
                Condition(
                    rule, f"{_BEGINNING}{provider}", "down", place, _is_down(health, percent),
                    PROVIDER_DOWN, PROVIDER_RECOVERED, "ALERT",
                    {
                        "provider": provider,
                        "callCount": str(health.call_count),
                        "failedCount": str(health.failed_count),
                        "failedPercent": health.failed_percent,
                    },
                )
            )  # fmt: skip
    return Found(conditions=conditions, look_again_s=_AGAIN_S)


def _is_down(health: ProviderHealth, percent: int) -> bool | None:
    """Down from the share on; back below half of it. In between, and with few calls, it stays as it was."""
    if health.call_count < MIN_CALLS:
        return None
    if health.failed_percent >= percent:
        return True
    return False if 2 * health.failed_percent < percent else None


def _is_due(claimed: Claimed) -> bool:
    return claimed.has_ledger_events or claimed.is_look_due


async def _find_refusals(view: View) -> Found:
    claimed = view.claimed
    since = min(claimed.changes_until or claimed.now, claimed.looked_until or claimed.now) - _OVERLAP
    rows = await view.connection.fetch(_ACCOUNTS, claimed.organization, since)
    if not rows:
        return Found()
    place = await organization_place(view)
    conditions = [
        Condition(
            rule, f"account:{row['provider_id']}", "", place, bool(row["is_refused"]),
            ACCOUNT_REFUSED, ACCOUNT_ACCEPTED, "ALERT",
            {
                "provider": row["provider_id"],
                "reason": row["reason"],
                "proof": {
                    "ledgerPosition": str(row["ledger_sequence"]),
                    "call": f"organizations/{claimed.organization}/calls/{row['hold_id']}",
                },
            },
            sequence=row["ledger_sequence"], hold_id=row["hold_id"],
        )
        for row in rows
        for rule in view.rules
        if rule.speaks_of(place)
    ]  # fmt: skip
    return Found(conditions=conditions)


ACCOUNTS: Final = Source("accounts", frozenset({ACCOUNT_REFUSED, ACCOUNT_ACCEPTED}), _is_due, _find_refusals)
PROVIDERS: Final = Source("providers", frozenset({PROVIDER_DOWN, PROVIDER_RECOVERED}), _is_due, _find)
