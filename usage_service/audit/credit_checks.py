"""Checks of where credit comes from: operators, through a credit line, an approved request or a grant (INV-22)."""

from typing import Final

from usage_service.audit.check import Check

CREDIT_HAS_AUTHORITY: Final = Check(
    "credit-has-authority",
    "INV-22",
    "all credit of an organization is what it used of its line, the approved requests and the grants",
    ("ledger_transfers", "credit_lines", "top_up_requests", "credit_grants"),
    """
    WITH authorities AS (
        SELECT organization_id, 'top-up-request:' || top_up_request_id AS idempotency_key, 'TOP_UP' AS kind, amount_nano_credits
          FROM top_up_requests WHERE state = 'APPROVED'
        UNION ALL
        SELECT organization_id, 'grant:' || credit_grant_id, 'ADJUSTMENT', amount_nano_credits FROM credit_grants
    ), credits AS (
        SELECT * FROM ledger_transfers WHERE credit_account = 'CREDIT_POOL' AND kind IN ('TOP_UP', 'ADJUSTMENT')
    ), used AS (
        SELECT c.organization_id, sum(c.amount_nano_credits) AS total
          FROM credits c
         WHERE NOT EXISTS (SELECT FROM authorities a
                            WHERE (a.organization_id, a.idempotency_key, a.kind, a.amount_nano_credits)
                                = (c.organization_id, c.idempotency_key, c.kind, c.amount_nano_credits))
         GROUP BY c.organization_id
    )
    SELECT coalesce(l.organization_id, u.organization_id), 'credit line',
           format('counts %s of %s as used, transfers without another authority say %s', l.used_nano_credits,
                  coalesce(l.line_nano_credits::text, 'no limit'), coalesce(u.total, 0))
      FROM credit_lines l FULL JOIN used u ON u.organization_id = l.organization_id
     WHERE l.used_nano_credits IS DISTINCT FROM coalesce(u.total, 0) OR l.used_nano_credits > l.line_nano_credits
    UNION ALL
    SELECT a.organization_id, a.idempotency_key, 'no transfer has its amount'
      FROM authorities a
     WHERE NOT EXISTS (SELECT FROM credits c
                        WHERE (c.organization_id, c.idempotency_key, c.kind, c.amount_nano_credits)
                            = (a.organization_id, a.idempotency_key, a.kind, a.amount_nano_credits))
    """,
)

CREDIT_LINE_GUARD: Final = Check(
    "credit-line-guard",
    "INV-22",
    "the trigger that counts credit against the line is there and enabled",
    (),
    """
    SELECT NULL, 'table ledger_transfers', 'nothing counts credit against the line'
     WHERE NOT EXISTS (
         SELECT FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
          WHERE t.tgrelid = 'ledger_transfers'::regclass AND t.tgenabled IN ('O', 'A') AND p.proname = 'use_credit_line'
            AND t.tgtype & 4 <> 0 AND t.tgtype & 1 = 1)
    """,
)
