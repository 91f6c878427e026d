"""Credit that runs low, is used up, or is topped up."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gateway_core.model.alerts.event_types import (
    CREDIT_EXHAUSTED,
    CREDIT_LOW,
    CREDIT_RECOVERED,
    CREDIT_RESTORED,
    CREDIT_TOPPED_UP,
)
from gateway_core.model.alerts.rules import Place, Rule
from usage_service.alerts.claims import Claimed
from usage_service.alerts.conditions import Condition
from usage_service.alerts.events import Happening
from usage_service.alerts.sources.source import Found, Source, View, organization_place, told_by

_RATE_DAYS: Final = 7
_LEFT_AGAIN_TENTHS: Final = 12
"""Days that are left must be more than 12 tenths of the limit, before credit that was low is not any more."""
# The pool now, and what the ledger's events of this step added to it. A refusal is added seconds after the call, so it says nothing
# while credit has just come in.
_POOL: Final = """
SELECT p.balance_nano_credits AS balance, u.balance_nano_credits AS used, p.balance_nano_credits - s.added AS before, s.arrived,
       EXISTS (SELECT FROM refused_calls c
                WHERE c.organization_id = $1 AND c.minute >= date_trunc('minute', $4::timestamptz - interval '1 minute')
                  AND c.reason = 'credit_exhausted' AND c.update_time > $4)
           AND NOT EXISTS (SELECT FROM ledger_transfers t
                            WHERE t.organization_id = $1 AND t.create_time > $4::timestamptz - interval '2 seconds'
                              AND t.kind NOT IN ('USAGE', 'CORRECTION') AND t.credit_account = 'CREDIT_POOL') AS refuses_calls
  FROM ledger_accounts p JOIN ledger_accounts u ON u.organization_id = $1 AND u.account = 'USAGE'
 CROSS JOIN LATERAL (
    SELECT coalesce(sum(d.delta), 0)::bigint AS added, coalesce(sum(greatest(d.delta, 0)), 0)::bigint AS arrived
      FROM (SELECT CASE credit_account WHEN 'CREDIT_POOL' THEN amount_nano_credits ELSE -amount_nano_credits END AS delta
              FROM ledger_transfers WHERE organization_id = $1 AND sequence > $2 AND sequence <= $3) AS d) AS s
 WHERE p.organization_id = $1 AND p.account = 'CREDIT_POOL'
"""
_ARRIVALS: Final = """
SELECT sequence, kind, amount_nano_credits AS amount, reason FROM ledger_transfers
 WHERE organization_id = $1 AND sequence > $2 AND sequence <= $3 AND kind IN ('TOP_UP', 'ADJUSTMENT')
   AND credit_account = 'CREDIT_POOL'
 ORDER BY sequence
"""
# The last transfer that took the pool to `$5` or below. It ends at `$4`.
_CROSSING: Final = """
SELECT sequence, hold_id, (pool - delta)::bigint AS before, pool::bigint AS after
  FROM (SELECT t.*, $4 - sum(t.delta) OVER () + sum(t.delta) OVER (ORDER BY t.sequence) AS pool
          FROM (SELECT sequence, hold_id,
                       CASE credit_account WHEN 'CREDIT_POOL' THEN amount_nano_credits ELSE -amount_nano_credits END AS delta
                  FROM ledger_transfers WHERE organization_id = $1 AND sequence > $2 AND sequence <= $3) AS t) AS s
 WHERE pool <= $5 AND pool - delta > $5
 ORDER BY sequence DESC LIMIT 1
"""
# What whole local days spent, and how many of them there are since the first with calls.
_RATE: Final = """
SELECT coalesce(sum(d.charge_nano_credits), 0)::bigint AS spent,
       coalesce(round(extract(epoch FROM z.today - min(d.day_start)) / 86400), 0)::integer AS days
  FROM usage_rollups r
 CROSS JOIN LATERAL (SELECT cycle_start_at('DAILY', r.time_zone, $2::timestamptz) AS today) AS z
  JOIN usage_days d ON d.organization_id = $1 AND d.generation = r.generation AND d.scope_kind = 'organization'
                   AND d.day_start >= z.today - make_interval(days => $3) AND d.day_start < z.today
 WHERE r.organization_id = $1 AND r.state = 'CURRENT'
 GROUP BY z.today
"""


@dataclass(frozen=True, slots=True)
class Pool:
    """The credit of an organization."""

    balance: int
    used: int
    """All that was ever charged."""
    before: int
    """The balance at the last step."""
    arrived: int
    """What has come in since."""
    refuses_calls: bool


@dataclass(frozen=True, slots=True)
class Rate:
    """What was spent in some whole days."""

    spent: int
    days: int

    def days_of(self, balance: int) -> int | None:
        """Returns how many whole days a balance lasts; None if nothing was spent."""
        return max(balance, 0) * self.days // self.spent if self.spent else None


async def _find(view: View) -> Found:
    claimed = view.claimed
    place = await organization_place(view)
    since = claimed.changes_until or claimed.now
    (row,) = await view.connection.fetch(_POOL, claimed.organization, claimed.sequence, claimed.head, since)
    pool = Pool(row["balance"], row["used"], row["before"], row["arrived"], row["refuses_calls"])
    arrivals = await _arrivals(view, place, pool) if claimed.has_ledger_events else []
    conditions: list[Condition] = []
    if claimed.head:
        conditions += await _low(view, place, pool)
        conditions += _exhausted(
            view.naming(CREDIT_EXHAUSTED, CREDIT_RESTORED), place, pool, has_arrivals=bool(arrivals)
        )
    return Found(told_by(view.rules, arrivals), conditions)


async def _arrivals(view: View, place: Place, pool: Pool) -> list[Happening]:
    rows = await view.connection.fetch(_ARRIVALS, view.claimed.organization, view.claimed.sequence, view.claimed.head)
    return [
        Happening(
            CREDIT_TOPPED_UP, "INFO", place, f"ledger:{row['sequence']}",
            {
                "credit": _credit(pool),
                "amountNanoCredits": str(row["amount"]),
                "reason": row["reason"],
                "proof": {"ledgerPosition": str(row["sequence"])},
            },
            sequence=row["sequence"],
        )
        for row in rows
    ]  # fmt: skip


async def _low(view: View, place: Place, pool: Pool) -> list[Condition]:
    rules = [rule for rule in view.naming(CREDIT_LOW, CREDIT_RECOVERED) if rule.speaks_of(place)]
    found = [
        await _low_by_amount(view, place, pool, rule) for rule in rules if rule.conditions.credit_left_nano_credits
    ]
    by_days = [rule for rule in rules if rule.conditions.credit_left_days]
    # The rate changes slowly, and computing it costs something.
    if by_days and view.claimed.is_look_due:
        row = await view.connection.fetchrow(_RATE, view.claimed.organization, view.claimed.now, _RATE_DAYS)
        rate = Rate(*row) if row else Rate(0, 0)
        found += [_low_by_days(place, pool, rule, rate) for rule in by_days]
    return found


async def _low_by_amount(view: View, place: Place, pool: Pool, rule: Rule) -> Condition:
    least = rule.conditions.credit_left_nano_credits
    claimed, call = view.claimed, None
    if pool.balance <= least < pool.before + pool.arrived:
        call = await view.connection.fetchrow(
            _CROSSING, claimed.organization, claimed.sequence, claimed.head, pool.balance, least
        )
    proof = None if call is None else {
        "ledgerPosition": str(call["sequence"]),
        "call": f"organizations/{claimed.organization}/calls/{call['hold_id']}" if call["hold_id"] else None,
        "creditBeforeNanoCredits": str(call["before"]),
        "creditAfterNanoCredits": str(call["after"]),
    }  # fmt: skip
    return Condition(
        rule, "credit", rule.conditions.credit_amount_threshold, place, pool.balance <= least, CREDIT_LOW, CREDIT_RECOVERED,
        "WARNING",
        {"credit": {**_credit(pool), "lowAtNanoCredits": str(least)}, "proof": proof},
        sequence=call["sequence"] if call else None, hold_id=call["hold_id"] if call else None,
    )  # fmt: skip


def _low_by_days(place: Place, pool: Pool, rule: Rule, rate: Rate) -> Condition:
    least, left = rule.conditions.credit_left_days, rate.days_of(pool.balance)
    return Condition(
        rule, "credit-days", rule.conditions.credit_days_threshold, place, _lasts_too_short(left, least), CREDIT_LOW,
        CREDIT_RECOVERED, "WARNING",
        {"credit": {**_credit(pool), "daysLeft": left, "lowAtDays": least}, "proof": None},
    )  # fmt: skip


def _lasts_too_short(left: int | None, least: int) -> bool | None:
    """Low at the limit; not any more well above it. In between, and without spend, it stays as it was."""
    if left is None:
        return None
    if left <= least:
        return True
    return False if 10 * left > _LEFT_AGAIN_TENTHS * least else None


def _exhausted(rules: Iterable[Rule], place: Place, pool: Pool, *, has_arrivals: bool) -> list[Condition]:
    # An organization that never had credit has not used it up.
    is_exhausted = pool.refuses_calls or (pool.balance <= 0 < pool.used)
    is_over = has_arrivals or pool.before <= 0
    holds = True if is_exhausted else False if pool.balance > 0 and is_over else None
    return [
        Condition(
            rule, "credit-exhausted", "", place, holds, CREDIT_EXHAUSTED, CREDIT_RESTORED, "ALERT",
            {"credit": _credit(pool)},
        )
        for rule in rules if rule.speaks_of(place)
    ]  # fmt: skip


def _credit(pool: Pool) -> dict[str, object]:
    return {"leftNanoCredits": str(pool.balance)}


def _is_due(claimed: Claimed) -> bool:
    return claimed.has_ledger_events or claimed.has_refusals or claimed.has_changes or claimed.is_look_due


CREDIT: Final = Source(
    "credit",
    frozenset({CREDIT_LOW, CREDIT_RECOVERED, CREDIT_EXHAUSTED, CREDIT_RESTORED, CREDIT_TOPPED_UP}),
    _is_due,
    _find,
)
