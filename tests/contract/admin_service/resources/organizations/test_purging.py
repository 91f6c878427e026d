"""A deleted organization is purged after its `purge_time`: everything goes but the books."""

from collections.abc import AsyncIterator
from typing import Final

import asyncpg
import pytest

from admin_service.resources.organizations.purging import METHOD, purge_once
from admin_service.wiring import ROLE
from deploy.local.stack.database_urls import login_url
from tests.contract.admin_service.conftest import add_member
from tests.contract.usage_service.audit.books import audit, broken, keep_books

BOOKS: Final = {
    # The ledger, and what decided how much it may have.
    "ledger_accounts", "ledger_heads", "ledger_transfers", "credit_lines", "credit_grants", "top_up_requests", "invoice_requests",
    # Calls, and what the audit compares with them.
    "holds", "usage_records", "usage_corrections", "usage_findings", "usage_quarantine", "usage_discrepancies", "routed_calls",
    "refused_calls", "account_refusals", "scope_spend", "budget_carries",
    # Sums of calls, and how far their followers have read.
    "usage_rollups", "usage_hours", "usage_tagged_hours", "usage_days", "usage_months", "usage_running_totals", "usage_year_totals",
    "usage_member_numbers", "usage_member_sets", "usage_tag_days", "standing_positions", "alert_positions",
    "alert_lags", "anomaly_positions", "identity_revisions",
    # Append-only.
    "audit_log",
    "organizations",
}  # fmt: skip

_TABLES: Final = """
SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id'
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""
_REFERENCES: Final = """
SELECT DISTINCT c.conrelid::regclass::text, c.confrelid::regclass::text FROM pg_constraint c
 WHERE c.contype = 'f' AND c.conrelid <> c.confrelid AND c.confdeltype = 'a'
"""
_REFERS_TO_ITSELF: Final = (
    "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f' AND conrelid = confrelid"
)


@pytest.fixture
async def admin(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """Connections with the rights of admin_service only."""
    async with asyncpg.create_pool(login_url(database_url, ROLE), min_size=1, max_size=2) as pool:
        yield pool


@pytest.fixture
async def due(owner: asyncpg.Connection) -> None:
    """`acme` has books, people and limits. Its purge is due."""
    await keep_books(owner)
    await owner.execute("UPDATE organizations SET display_name = 'Acme', billing_email = 'pay@acme.example'")
    await owner.execute(
        "INSERT INTO groups (organization_id, group_id, parent_group_id, path, display_name)"
        " VALUES ('acme', 'eng', NULL, '{eng}', 'Engineering'), ('acme', 'platform', 'eng', '{eng,platform}', 'Platform')"
    )
    for member, role, group in (
        ("super", "SUPER_ADMIN", None),
        ("l1", "L1_ADMIN", "eng"),
        ("member", "MEMBER", "platform"),
    ):
        await add_member(owner, member, role, group)
    await add_member(owner, "outsider", "SUPER_ADMIN", None, "other")
    await owner.execute(
        "UPDATE organizations SET state = 'DELETED', delete_time = now() - interval '31 days', purge_time = now()"
        " WHERE organization_id = 'acme'"
    )


async def purge(admin: asyncpg.Pool, rows_at_once: int = 5_000) -> int:
    rounds = 0
    while await purge_once(admin, rows_at_once):
        rounds += 1
        assert rounds < 1_000
    return rounds


async def rows_of(owner: asyncpg.Connection, table: str) -> int:
    count: int = await owner.fetchval(f"SELECT count(*) FROM {table} WHERE organization_id = 'acme'")  # noqa: S608
    return count


async def test_every_table_of_organizations_is_purged_or_belongs_to_the_books(owner: asyncpg.Connection) -> None:
    purged = await owner.fetchval("SELECT purged_tables()")
    tables = {row[0] for row in await owner.fetch(_TABLES)}
    assert set(purged) | BOOKS == tables
    assert not set(purged) & BOOKS


async def test_no_row_is_deleted_before_those_that_refer_to_it(owner: asyncpg.Connection) -> None:
    place = {table: number for number, table in enumerate(await owner.fetchval("SELECT purged_tables()"))}
    references = [tuple(row) for row in await owner.fetch(_REFERENCES)]
    assert [one for one in references if one[1] in place and place.get(one[0], len(place)) > place[one[1]]] == []
    itself = {row[0] for row in await owner.fetch(_REFERS_TO_ITSELF)} & place.keys()
    assert itself == {"groups", "usage_anomalies", "notification_rules"}


@pytest.mark.parametrize("rows_at_once", [2, 5_000])
async def test_people_keys_limits_and_names_are_gone(
    owner: asyncpg.Connection, admin: asyncpg.Pool, due: None, rows_at_once: int
) -> None:
    assert await rows_of(owner, "members") > 2
    await purge(admin, rows_at_once)
    assert {table for table in await owner.fetchval("SELECT purged_tables()") if await rows_of(owner, table)} == set()
    organization = await owner.fetchrow(
        "SELECT display_name, billing_email, purged_time IS NOT NULL FROM organizations WHERE organization_id = 'acme'"
    )
    assert organization is not None
    assert tuple(organization) == ("acme", None, True)


async def test_the_books_stay_and_pass_the_audit(
    owner: asyncpg.Connection, admin: asyncpg.Pool, due: None, database_url: str
) -> None:
    before = {table: await rows_of(owner, table) for table in BOOKS}
    assert broken(await audit(database_url)) == {}
    await purge(admin)
    assert {table: await rows_of(owner, table) for table in BOOKS} == before
    assert broken(await audit(database_url)) == {}


async def test_another_organization_keeps_everything(owner: asyncpg.Connection, admin: asyncpg.Pool, due: None) -> None:
    tables = [row[0] for row in await owner.fetch(_TABLES)]
    others = "SELECT count(*) FROM {} WHERE organization_id = 'other'"
    before = {table: await owner.fetchval(others.format(table)) for table in tables}
    await purge(admin)
    assert {table: await owner.fetchval(others.format(table)) for table in tables} == before


async def test_users_without_another_organization_lose_address_name_and_tokens(
    owner: asyncpg.Connection, admin: asyncpg.Pool, due: None
) -> None:
    await purge(admin)
    user = await owner.fetch("SELECT email, display_name FROM users WHERE user_id = 'member'")
    assert [tuple(row) for row in user] == [(None, "")]
    assert await owner.fetchval("SELECT revoke_time FROM access_tokens WHERE access_token_id = 'member'") is not None


async def test_a_user_of_another_organization_keeps_them(
    owner: asyncpg.Connection, admin: asyncpg.Pool, due: None
) -> None:
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, user_id, role) VALUES ('other', 'mia', 'member', 'MEMBER')"
    )
    await purge(admin)
    assert await owner.fetchval("SELECT email FROM users WHERE user_id = 'member'") == "member@example.org"
    assert await owner.fetchval("SELECT revoke_time FROM access_tokens WHERE access_token_id = 'member'") is None


async def test_a_user_who_operated_keeps_the_name(owner: asyncpg.Connection, admin: asyncpg.Pool, due: None) -> None:
    await owner.execute(
        "INSERT INTO operator_audit_log (user_id, method, resource_name) VALUES ('super', 'x', 'organizations/other')"
    )
    await purge(admin)
    assert await owner.fetchval("SELECT email FROM users WHERE user_id = 'super'") == "super@example.org"


async def test_the_operators_log_says_that_it_happened_once(
    owner: asyncpg.Connection, admin: asyncpg.Pool, due: None
) -> None:
    await purge(admin)
    await purge(admin)
    entries = await owner.fetch("SELECT method, resource_name, concerned_organization_id FROM operator_audit_log")
    assert [tuple(entry) for entry in entries] == [(METHOD, "organizations/acme", "acme")]


@pytest.mark.parametrize("change", ["purge_time = now() + interval '1 minute'", "state = 'ACTIVE', purge_time = NULL"])
async def test_what_is_not_due_stays(owner: asyncpg.Connection, admin: asyncpg.Pool, due: None, change: str) -> None:
    await owner.execute(f"UPDATE organizations SET {change} WHERE organization_id = 'acme'")  # noqa: S608
    before = await rows_of(owner, "members")
    assert not await purge_once(admin)
    assert await rows_of(owner, "members") == before > 0


async def test_two_replicas_purge_at_a_time_and_it_ends_once(
    owner: asyncpg.Connection, admin: asyncpg.Pool, due: None
) -> None:
    async with owner.transaction():
        await owner.execute("SELECT FROM organizations WHERE organization_id = 'acme' FOR UPDATE")
        assert not await purge_once(admin)  # the other one has it
    assert await purge(admin) == 2
