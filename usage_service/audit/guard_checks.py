"""Checks of the database's own guards: triggers, constraints, and the wall between organizations."""

from typing import Final

from usage_service.audit.check import Check

IMMUTABLE_TABLES: Final = (
    "ledger_transfers",
    "usage_records",
    "usage_corrections",
    "usage_findings",
    "usage_quarantine",
    "credit_grants",
    "price_versions",
)

_CONSTRAINTS: Final = (
    ("ledger_transfers", "two_accounts"),
    ("ledger_transfers", "allowed_route"),
    ("ledger_transfers", "ledger_transfers_amount_nano_credits_check"),
    ("ledger_transfers", "ledger_transfers_pkey"),
    ("ledger_transfers", "ledger_transfers_organization_id_idempotency_key_key"),
    ("credit_lines", "within_line"),
    ("usage_records", "usage_records_pkey"),
    ("usage_records", "usage_records_organization_id_sequence_key"),
    ("usage_corrections", "usage_corrections_pkey"),
    ("usage_corrections", "usage_corrections_organization_id_sequence_key"),
    ("holds", "holds_pkey"),
)


def _rows(*rows: tuple[str, ...]) -> str:
    """Returns the rows of a VALUES list. The values are trusted names."""
    return ", ".join("(" + ", ".join(f"'{value}'" for value in row) + ")" for row in rows)


_TABLES: Final = _rows(*((table,) for table in IMMUTABLE_TABLES))

# Bits of pg_trigger.tgtype: 1 for each row, 2 before, 8 delete, 16 update, 32 truncate.
TRIGGERS_ENABLED: Final = Check(
    "immutability-triggers",
    "INV-02",
    "triggers that refuse every UPDATE, DELETE and TRUNCATE are there and enabled",
    (),
    f"""
    SELECT NULL, 'table ' || guarded.name, 'nothing refuses ' || operation.name
      FROM (VALUES {_TABLES}) AS guarded (name),
           (VALUES ('UPDATE', 16, 1), ('DELETE', 8, 1), ('TRUNCATE', 32, 0)) AS operation (name, bit, for_each_row)
     WHERE NOT EXISTS (
         SELECT FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
          WHERE t.tgrelid = to_regclass(guarded.name) AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
            AND t.tgtype & operation.bit <> 0 AND t.tgtype & 2 <> 0 AND t.tgtype & 1 = operation.for_each_row
            AND t.tgqual IS NULL AND cardinality(t.tgattr::int2[]) = 0
            AND p.proname = 'refuse_change' AND p.prosrc ~ 'BEGIN\\s+RAISE EXCEPTION')
    """,  # noqa: S608 - our own names
)

CONSTRAINTS_IN_PLACE: Final = Check(
    "constraints-in-place",
    "INV-01 INV-04 INV-08 INV-22",
    "the constraints that keep transfers balanced, credit in its line, and holds, numbers and keys unique, are there and valid",
    (),
    f"""
    SELECT NULL, 'table ' || expected.table_name, format('constraint %s is missing or not validated', expected.name)
      FROM (VALUES {_rows(*_CONSTRAINTS)}) AS expected (table_name, name)
     WHERE NOT EXISTS (SELECT FROM pg_constraint c
                        WHERE c.conrelid = to_regclass(expected.table_name) AND c.conname = expected.name AND c.convalidated)
    """,  # noqa: S608 - our own names
)

WALL_STANDS: Final = Check(
    "organization-wall",
    "INV-12",
    "row-level security divides the organizations in every table that holds their rows",
    (),
    """
    SELECT NULL, 'table ' || c.relname,
           CASE WHEN c.relrowsecurity THEN 'has no policy organization_wall' ELSE 'has no row-level security' END
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id' AND NOT a.attisdropped
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
       AND NOT (c.relrowsecurity
                AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'organization_wall'))
    UNION ALL
    SELECT NULL, 'view ' || c.relname, 'reads with its owner''s rights, past the wall'
      FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'v'
       AND NOT coalesce('security_invoker=true' = ANY (c.reloptions), false)
    """,
)

GUARD_CHECKS: Final = (TRIGGERS_ENABLED, CONSTRAINTS_IN_PLACE, WALL_STANDS)
