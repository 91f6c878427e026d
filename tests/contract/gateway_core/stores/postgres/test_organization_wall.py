"""The database's guards: what a service's role cannot do, even with faulty code (INV-02, INV-12)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import asyncpg
import pytest

from deploy.local.stack.database_urls import login_url
from gateway_core.stores.postgres.organization_wall import EVERY_ORGANIZATION, act_for
from tests.contract.usage_service.audit.books import keep_books
from usage_service.audit.guard_checks import IMMUTABLE_TABLES

AUTHZ, USAGE, ADMIN = "megarouter_authz", "megarouter_usage", "megarouter_admin"
READABLE = {
    AUTHZ: ("holds", "scope_spend", "ledger_accounts", "ledger_heads"),
    USAGE: (
        "holds", "scope_spend", "ledger_accounts", "ledger_heads", "ledger_transfers", "usage_records", "usage_corrections",
        "usage_findings", "usage_quarantine", "usage_discrepancies", "organizations", "guardrails",
    ),
    ADMIN: (
        "holds", "scope_spend", "ledger_accounts", "ledger_heads", "ledger_transfers", "usage_records", "usage_corrections",
        "usage_findings", "usage_quarantine", "usage_discrepancies", "organizations", "groups", "members", "guardrails", "api_keys",
    ),
}  # fmt: skip
FILLED = (
    "holds",
    "scope_spend",
    "ledger_accounts",
    "ledger_heads",
    "ledger_transfers",
    "usage_records",
    "organizations",
)

Acting = Callable[..., AbstractAsyncContextManager[asyncpg.Connection]]


@pytest.fixture
async def acting(owner: asyncpg.Connection, database_url: str) -> Acting:
    """Returns a function that starts a transaction of a role for the named organizations, on a database with ledgers."""
    await keep_books(owner)

    @asynccontextmanager
    async def begin(role: str, *organizations: str) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(login_url(database_url, role))
        try:
            async with connection.transaction():
                if organizations:
                    await act_for(connection, organizations)
                yield connection
        finally:
            await connection.close()

    return begin


async def refused(error: type[Exception], attempt: Awaitable[object]) -> None:
    with pytest.raises(error):
        await attempt


CASES = [(role, table) for role, tables in READABLE.items() for table in tables]


@pytest.mark.parametrize(("role", "table"), CASES)
async def test_a_role_sees_the_organizations_it_acts_for(acting: Acting, role: str, table: str) -> None:
    select = f"SELECT DISTINCT organization_id FROM {table}"  # noqa: S608
    async with acting(role) as connection:
        assert await connection.fetch(select) == []
    async with acting(role, "acme") as connection:
        assert {row[0] for row in await connection.fetch(select)} <= {"acme"}
    async with acting(role, "acme", "other") as connection:
        seen = {row[0] for row in await connection.fetch(select)}
        assert seen == ({"acme", "other"} if table in FILLED else seen & {"acme", "other"})


async def test_a_view_shows_no_more_than_its_tables(acting: Acting) -> None:
    async with acting(ADMIN, "other") as connection:
        rows = await connection.fetch("SELECT DISTINCT organization_id FROM ledger_postings")
        assert [row[0] for row in rows] == ["other"]


async def test_only_usage_service_may_act_for_every_organization_only_to_read_and_lock(acting: Acting) -> None:
    for role in (AUTHZ, ADMIN):
        async with acting(role, EVERY_ORGANIZATION) as connection:
            assert await connection.fetch("SELECT * FROM ledger_heads") == []
    async with acting(USAGE, EVERY_ORGANIZATION) as connection:
        assert len(await connection.fetch("SELECT * FROM ledger_heads FOR UPDATE")) == 2
        await refused(
            asyncpg.InsufficientPrivilegeError, connection.execute("UPDATE ledger_heads SET sequence = sequence + 1")
        )


WRITES = {
    "a posting": (ADMIN, ("INSERT INTO ledger_transfers (organization_id, sequence, kind, debit_account, credit_account,"
        " amount_nano_credits, idempotency_key, actor) VALUES ('other', 99, 'TOP_UP', 'TOP_UPS', 'CREDIT_POOL', 1, 'x', 'x')")),
    "a charge": (USAGE, ("INSERT INTO ledger_transfers (organization_id, sequence, kind, debit_account, credit_account,"
        " amount_nano_credits, idempotency_key, actor) VALUES ('other', 99, 'USAGE', 'CREDIT_POOL', 'USAGE', 1, 'x', 'x')")),
    "a hold": (AUTHZ, ("INSERT INTO holds (hold_id, organization_id, member_id, api_key_id, amount_nano_credits, token, counters,"
        " place_time, expire_time) VALUES ('x', 'other', 'm', 'k', 1, 't', '{}', now(), now())")),
    "a stored object": (USAGE, ("INSERT INTO stored_objects (provider_id, kind, object_id, organization_id, member_id)"
        " VALUES ('openai', 'response', 'resp_1', 'other', 'm')")),
    "a spend": (USAGE, "INSERT INTO scope_spend (organization_id, counter) VALUES ('other', 'x')"),
    "a group": (ADMIN, "INSERT INTO groups (organization_id, group_id, path, display_name) VALUES ('other', 'g', '{g}', 'G')"),
    "an organization": (ADMIN, "INSERT INTO organizations (organization_id, display_name) VALUES ('third', 'Third')"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITES)
async def test_a_row_of_another_organization_cannot_be_written(acting: Acting, name: str) -> None:
    role, statement = WRITES[name]
    async with acting(role, "acme") as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await connection.execute(statement)


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        (USAGE, "UPDATE ledger_accounts SET balance_nano_credits = 0 WHERE organization_id = 'other'"),
        (USAGE, "UPDATE holds SET state = 'VOIDED', resolve_time = now() WHERE organization_id = 'other'"),
        (ADMIN, "UPDATE ledger_heads SET sequence = 0 WHERE organization_id = 'other'"),
        (ADMIN, "UPDATE organizations SET state = 'SUSPENDED' WHERE organization_id = 'other'"),
        (ADMIN, "UPDATE groups SET display_name = 'Ours' WHERE organization_id = 'other'"),
    ],
)
async def test_a_row_of_another_organization_cannot_be_changed(acting: Acting, role: str, statement: str) -> None:
    async with acting(role, "acme") as connection:
        assert (await connection.execute(statement)).endswith(" 0")


@pytest.mark.parametrize("role", [ADMIN, USAGE])
async def test_a_row_cannot_be_moved_to_another_organization(acting: Acting, role: str) -> None:
    async with acting(role, "acme") as connection:
        await refused(
            asyncpg.InsufficientPrivilegeError,
            connection.execute("UPDATE ledger_heads SET organization_id = 'other', sequence = 0"),
        )


@pytest.mark.parametrize("table", IMMUTABLE_TABLES)
async def test_no_role_changes_or_deletes_immutable_rows(acting: Acting, table: str) -> None:
    column = (
        "create_time = now()"
        if table in {"ledger_transfers", "price_versions", "usage_findings", "usage_quarantine", "credit_grants"}
        else "trace_id = ''"
    )
    for role in (AUTHZ, USAGE, ADMIN):
        for statement in ("UPDATE {} SET {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"):
            async with acting(role, "acme") as connection:
                await refused(asyncpg.InsufficientPrivilegeError, connection.execute(statement.format(table, column)))


@pytest.mark.parametrize("table", ["ledger_transfers", "usage_records", "usage_corrections", "price_versions"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
async def test_not_even_the_owner_changes_immutable_rows(
    acting: Acting, owner: asyncpg.Connection, table: str, statement: str
) -> None:
    column = "create_time = now()" if table in {"ledger_transfers", "price_versions"} else "trace_id = ''"
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="immutable"):
        await owner.execute(statement.format(table, column))


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM users",
        "SELECT * FROM access_tokens",
        "SELECT * FROM api_keys",
        "SELECT * FROM members",
        "SELECT * FROM ledger_transfers",
        "SELECT * FROM ledger_postings",
        "SELECT * FROM usage_records",
        "INSERT INTO ledger_transfers SELECT * FROM ledger_transfers",
        "UPDATE ledger_accounts SET balance_nano_credits = 0",
        "UPDATE ledger_heads SET sequence = 0",
        "UPDATE scope_spend SET settled_nano_credits = 0",
        "UPDATE holds SET state = 'VOIDED', resolve_time = now()",
        "DELETE FROM holds",
    ],
)
async def test_authz_service_cannot_access_the_ledger_or_users(acting: Acting, statement: str) -> None:
    async with acting(AUTHZ, "acme", "other") as connection:
        await refused(asyncpg.InsufficientPrivilegeError, connection.execute(statement))


@pytest.mark.parametrize(
    "statement", ["SELECT * FROM identity_of_key('\\x00')", "SELECT * FROM hashes_of_keys_used_lately(1)"]
)
async def test_usage_service_cannot_look_up_the_owner_of_a_key(acting: Acting, statement: str) -> None:
    async with acting(USAGE, "acme") as connection:
        await refused(asyncpg.InsufficientPrivilegeError, connection.fetch(statement))


async def test_the_acting_organization_ends_with_its_transaction(acting: Acting, database_url: str) -> None:
    connection = await asyncpg.connect(login_url(database_url, ADMIN))
    async with connection.transaction():
        await act_for(connection, ["acme"])
        assert len(await connection.fetch("SELECT * FROM organizations")) == 1
    assert await connection.fetch("SELECT * FROM organizations") == []
    await connection.close()
