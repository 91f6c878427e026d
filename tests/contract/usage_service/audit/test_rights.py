"""The audit reports every privilege that a role has beyond roles.sql, and every one that it lacks."""

import asyncpg
import pytest

from tests.contract.usage_service.audit.books import audit, broken

# The statement, the check that must report it, words of the report, and other checks that also report it.
CHANGES: dict[str, tuple[str, str, str, set[str]]] = {
    "a service that may change records": (
        "GRANT UPDATE (charge_nano_credits) ON usage_records TO megarouter_usage",
        "least-rights", "role megarouter_usage", set(),
    ),
    "an authorization service that may write the ledger": (
        "GRANT INSERT ON ledger_transfers TO megarouter_authz",
        "least-rights", "role megarouter_authz", set(),
    ),
    "a service that may read another's table": (
        "GRANT SELECT (email) ON users TO megarouter_usage",
        "least-rights", "role megarouter_usage", set(),
    ),
    "a function that every role may call": (
        "GRANT EXECUTE ON FUNCTION identity_of_key TO PUBLIC",
        "least-rights", "role PUBLIC", set(),
    ),
    "a service that lost a privilege": (
        "REVOKE INSERT ON holds FROM megarouter_authz",
        "least-rights", "role megarouter_authz", set(),
    ),
    "a service that may create tables": (
        "GRANT CREATE ON SCHEMA public TO megarouter_admin",
        "least-rights", "role megarouter_admin", set(),
    ),
    "a service that owns a table": (
        "ALTER TABLE request_replays OWNER TO megarouter_admin",
        "roles-confined", "role megarouter_admin", {"least-rights"},
    ),
    "a service that may create temporary tables": (
        "DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO megarouter_admin', current_database()); END $$",
        "roles-confined", "role megarouter_admin", set(),
    ),
    "a function of the owner that its caller can redirect": (
        "ALTER FUNCTION open_ledger() SET search_path = public",
        "roles-confined", "function open_ledger()", set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
async def test_a_changed_privilege_is_reported(owner: asyncpg.Connection, database_url: str, name: str) -> None:
    statement, check, row, others = CHANGES[name]
    await owner.execute(statement)
    found = broken(await audit(database_url))
    assert check in found
    assert any(breach.row == row for breach in found[check].breaches), found[check]
    assert found.keys() - {check} == others
