"""Checks of the ledger: transfers, balances, sequence numbers and idempotency keys."""

from typing import Final

from usage_service.audit.check import Check

_ROUTE: Final = """
    (kind = 'TOP_UP' AND debit_account = 'TOP_UPS' AND credit_account = 'CREDIT_POOL')
    OR (kind = 'USAGE' AND debit_account = 'CREDIT_POOL' AND credit_account = 'USAGE')
    OR (kind = 'REFUND' AND debit_account = 'CREDIT_POOL' AND credit_account = 'TOP_UPS')
    OR (kind = 'ADJUSTMENT' AND 'ADJUSTMENTS' IN (debit_account, credit_account)
        AND 'CREDIT_POOL' IN (debit_account, credit_account))
    OR (kind = 'CORRECTION' AND 'USAGE' IN (debit_account, credit_account) AND 'CREDIT_POOL' IN (debit_account, credit_account))
"""

TRANSFERS_BALANCE: Final = Check(
    "transfers-balance",
    "INV-01",
    "every transfer moves one positive amount between two accounts that its kind allows",
    ("ledger_transfers",),
    f"""
    SELECT organization_id, 'transfer ' || sequence,
           format('%s of %s from %s to %s', kind, amount_nano_credits, debit_account, credit_account)
      FROM ledger_transfers
     WHERE (amount_nano_credits > 0 AND debit_account <> credit_account AND ({_ROUTE})) IS NOT TRUE
    """,  # noqa: S608 - our own text
)

ACCOUNTS_SUM_TO_ZERO: Final = Check(
    "accounts-sum-to-zero",
    "INV-01",
    "the balances of an organization's accounts sum to zero",
    ("ledger_accounts",),
    """
    SELECT organization_id, 'accounts', 'sum to ' || sum(balance_nano_credits)
      FROM ledger_accounts GROUP BY organization_id HAVING sum(balance_nano_credits) <> 0
    """,
)

BALANCES_ARE_SUMS: Final = Check(
    "balances-are-sums",
    "INV-03",
    "a kept balance is the sum of its transfers, and carries the number of the last of them",
    ("ledger_accounts", "ledger_transfers"),
    """
    SELECT coalesce(a.organization_id, p.organization_id), 'account ' || coalesce(a.account, p.account),
           format('keeps %s at %s, its transfers say %s at %s', a.balance_nano_credits, a.sequence, coalesce(p.total, 0),
                  coalesce(p.last, 0))
      FROM ledger_accounts a
      FULL JOIN (SELECT organization_id, account, sum(amount_nano_credits) AS total, max(sequence) AS last
                   FROM ledger_postings GROUP BY organization_id, account) p
        ON p.organization_id = a.organization_id AND p.account = a.account
     WHERE a.balance_nano_credits IS DISTINCT FROM coalesce(p.total, 0) OR a.sequence IS DISTINCT FROM coalesce(p.last, 0)
    """,
)

SEQUENCES: Final = Check(
    "sequences-without-gap",
    "INV-03",
    "records, corrections and other transfers of an organization use every number from 1 to its head's exactly once",
    ("usage_records", "usage_corrections", "ledger_transfers"),
    """
    WITH events AS (
        SELECT organization_id, sequence FROM usage_records
        UNION ALL
        SELECT organization_id, sequence FROM usage_corrections
        UNION ALL
        -- The transfer of a record or correction has the same number and is excluded.
        SELECT t.organization_id, t.sequence FROM ledger_transfers t
          LEFT JOIN usage_records u
            ON u.organization_id = t.organization_id AND u.sequence = t.sequence AND u.hold_id = t.hold_id AND t.kind = 'USAGE'
          LEFT JOIN usage_corrections c
            ON c.organization_id = t.organization_id AND c.sequence = t.sequence AND c.hold_id = t.hold_id AND t.kind = 'CORRECTION'
         WHERE u.hold_id IS NULL AND c.hold_id IS NULL
    ), ordered AS (
        SELECT organization_id, sequence,
               lag(sequence, 1, 0::bigint) OVER (PARTITION BY organization_id ORDER BY sequence) AS before
          FROM events
    ), last AS (SELECT organization_id, max(sequence) AS sequence FROM events GROUP BY organization_id)
    SELECT organization_id, 'number ' || sequence,
           CASE WHEN sequence = before THEN 'is used twice' ELSE format('follows %s: what was between is missing', before) END
      FROM ordered WHERE sequence <> before + 1
    UNION ALL
    SELECT coalesce(h.organization_id, l.organization_id), 'head',
           format('is at %s, the last event is %s', h.sequence, coalesce(l.sequence, 0))
      FROM ledger_heads h FULL JOIN last l ON l.organization_id = h.organization_id
     WHERE h.sequence IS DISTINCT FROM coalesce(l.sequence, 0)
    """,
)

KEYS_UNIQUE: Final = Check(
    "idempotency-keys-unique",
    "INV-08",
    "no idempotency key was posted twice in an organization",
    ("ledger_transfers",),
    """
    SELECT organization_id, 'key ' || idempotency_key, count(*) || ' transfers have it'
      FROM ledger_transfers GROUP BY organization_id, idempotency_key HAVING count(*) > 1
    """,
)

LEDGER_CHECKS: Final = (TRANSFERS_BALANCE, ACCOUNTS_SUM_TO_ZERO, BALANCES_ARE_SUMS, SEQUENCES, KEYS_UNIQUE)
