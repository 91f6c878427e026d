"""The figures of the accounting: totals, and how much is unconfirmed, flagged, or beyond its hold."""

from dataclasses import dataclass
from typing import Final

from gateway_core.stores.postgres.connections import Connection


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one snapshot. Amounts are nano-credits."""

    organization_count: int
    balance: int
    open_hold_count: int
    open_hold_amount: int
    record_count: int
    charge: int
    correction_count: int
    correction_delta: int
    unconfirmed_count: int
    unconfirmed_amount: int
    """Charged for expired holds whose actual usage has not been reported yet."""
    flagged_count: int
    """Calls with a finding about their usage report."""
    discrepancy_count: int
    overspend_count: int
    overspend_sum: int
    """By how much calls cost more than their holds, in total."""
    overspend_max: int


_SELECT: Final = """
WITH final AS MATERIALIZED (
    SELECT u.charge_nano_credits AS charge, c.delta_nano_credits AS delta, u.outcome,
           u.charge_nano_credits + coalesce(c.delta_nano_credits, 0) - u.hold_nano_credits AS excess
      FROM usage_records u LEFT JOIN usage_corrections c ON c.hold_id = u.hold_id
), calls AS (
    SELECT count(*) AS record_count, coalesce(sum(charge), 0) AS charge, count(delta) AS correction_count,
           coalesce(sum(delta), 0) AS correction_delta,
           count(*) FILTER (WHERE outcome = 'EXPIRED' AND delta IS NULL) AS unconfirmed_count,
           coalesce(sum(charge) FILTER (WHERE outcome = 'EXPIRED' AND delta IS NULL), 0) AS unconfirmed_amount,
           count(*) FILTER (WHERE excess > 0) AS overspend_count,
           coalesce(sum(excess) FILTER (WHERE excess > 0), 0) AS overspend_sum,
           coalesce(max(excess) FILTER (WHERE excess > 0), 0) AS overspend_max
      FROM final
)
SELECT (SELECT count(*) FROM organizations) AS organization_count,
       (SELECT coalesce(sum(balance_nano_credits), 0) FROM ledger_accounts WHERE account = 'CREDIT_POOL') AS balance,
       (SELECT count(*) FROM holds WHERE state = 'HELD') AS open_hold_count,
       (SELECT coalesce(sum(amount_nano_credits), 0) FROM holds WHERE state = 'HELD') AS open_hold_amount,
       (SELECT count(*) FROM usage_findings) AS flagged_count,
       (SELECT count(*) FROM usage_discrepancies) AS discrepancy_count,
       calls.*
  FROM calls
"""


async def read_figures(connection: Connection) -> Figures:
    """Reads the figures in the connection's snapshot."""
    row = await connection.fetchrow(_SELECT)
    assert row is not None  # noqa: S101 - an aggregate has one row
    return Figures(**{name: int(value) for name, value in row.items()})
