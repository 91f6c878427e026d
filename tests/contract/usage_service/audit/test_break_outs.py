"""Every attempt of the audit to escape from a service's role fails over the service's login. The audit reports roles that could."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from deploy.local.stack.database_urls import login_url, service_database_urls
from gateway_core.schema.logins import SERVICE_URLS
from tests.contract.conftest import Databases
from tests.contract.usage_service.audit.books import audit, broken
from usage_service.audit.break_outs.attempts import fault_of_attempt, fault_of_return, try_break_outs
from usage_service.audit.break_outs.cases import ATTEMPTS, RETURNS, Attempt, Return

OWNER = "megarouter"


@pytest.fixture(scope="module")
async def shared_url(databases: Databases, template_database: str) -> AsyncIterator[str]:
    url = await databases.take(template_database)
    yield url
    databases.give_back(url)


@pytest.fixture(scope="module")
async def logins(shared_url: str) -> AsyncIterator[dict[str, asyncpg.Connection]]:
    """A session of each role. The attempts share it because they change nothing."""
    opened = {role: await asyncpg.connect(login_url(shared_url, role)) for role in SERVICE_URLS}
    yield opened
    for connection in opened.values():
        await connection.close()


@pytest.mark.parametrize(
    ("role", "attempt"),
    [pytest.param(role, attempt, id=f"{role}-{attempt.name}") for role in ATTEMPTS for attempt in ATTEMPTS[role]],
)
async def test_an_attempt_to_escape_from_a_role_is_refused(
    logins: dict[str, asyncpg.Connection], role: str, attempt: Attempt
) -> None:
    """Seen to succeed as the owner after SET ROLE NONE, which is how services connected before they had their own logins."""
    assert await fault_of_attempt(logins[role], attempt, OWNER) is None


@pytest.mark.parametrize("role", SERVICE_URLS)
@pytest.mark.parametrize("back", RETURNS, ids=lambda back: back.name)
async def test_a_reset_keeps_the_role_of_the_session(
    logins: dict[str, asyncpg.Connection], role: str, back: Return
) -> None:
    assert await fault_of_return(logins[role], role, back) is None


@pytest.mark.parametrize("role", SERVICE_URLS)
@pytest.mark.parametrize("other", SERVICE_URLS)
async def test_a_role_cannot_switch_to_another_services_role(
    logins: dict[str, asyncpg.Connection], role: str, other: str
) -> None:
    if role != other:
        assert await fault_of_attempt(logins[role], Attempt("", f"SET ROLE {other}"), OWNER) is None


async def test_the_attempts_succeed_for_the_owner(owner: asyncpg.Connection, database_url: str) -> None:
    """For the owner, each attempt succeeds or fails only at a guard in the data."""
    succeeded = [
        attempt.name
        for attempt in {attempt.name: attempt for role in ATTEMPTS for attempt in ATTEMPTS[role]}.values()
        if await fault_of_attempt(owner, attempt, OWNER) is None
    ]
    assert succeeded == []


async def test_the_audit_makes_every_attempt_with_each_given_login(database_url: str) -> None:
    urls = service_database_urls(database_url, {})
    everything = await try_break_outs(urls, 20)
    assert everything is not None
    assert (everything.breach_count, everything.examined > 200) == (0, True)
    one = await try_break_outs({"MEGAROUTER_AUTHZ_DATABASE_URL": urls["MEGAROUTER_AUTHZ_DATABASE_URL"]}, 20)
    assert one is not None
    assert (one.breach_count, one.examined) == (0, len(ATTEMPTS["megarouter_authz"]) + len(RETURNS))
    assert await try_break_outs({"MEGAROUTER_DATABASE_URL": database_url}, 20) is None


async def test_a_service_that_logs_in_as_the_owner_is_reported(database_url: str) -> None:
    finding = await try_break_outs({"MEGAROUTER_USAGE_DATABASE_URL": database_url}, 20)
    assert finding is not None
    assert [(breach.row, breach.fault) for breach in finding.breaches] == [
        ("role megarouter_usage", "its service logs in as megarouter")
    ]


async def test_an_owners_session_with_a_services_role_is_reported(database_url: str) -> None:
    """Services connected like this before they had their own logins."""
    switched = await asyncpg.connect(
        database_url, server_settings={"role": "megarouter_authz", "application_name": "megarouter_authz listener"}
    )
    (breach,) = broken(await audit(database_url))["roles-confined"].breaches
    assert (breach.row, breach.fault) == ("role megarouter_authz", "is used by a session that logged in as megarouter")
    await switched.close()


async def test_a_locked_table_is_not_reported_as_an_escape(owner: asyncpg.Connection, database_url: str) -> None:
    """Seen to be reported as one before the audit told the two apart."""
    url = login_url(database_url, "megarouter_authz")
    impatient = await asyncpg.connect(url, server_settings={"lock_timeout": "50ms"})
    async with owner.transaction():
        await owner.execute("LOCK TABLE usage_records")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await fault_of_attempt(impatient, Attempt("read records", "SELECT * FROM usage_records"), OWNER)
    await impatient.close()


ESCAPES = {
    "a superuser": (
        "ALTER ROLE megarouter_usage SUPERUSER", "ALTER ROLE megarouter_usage NOSUPERUSER", "is SUPERUSER",
        "could become the owner",
    ),
    "may bypass row-level security": (
        "ALTER ROLE megarouter_usage BYPASSRLS", "ALTER ROLE megarouter_usage NOBYPASSRLS", "is BYPASSRLS",
        "could look over the wall",
    ),
    "a member of the owner": (
        "GRANT megarouter TO megarouter_usage", "REVOKE megarouter FROM megarouter_usage", "is a member of megarouter",
        "could become the owner",
    ),
    "may disable triggers": (
        "GRANT SET ON PARAMETER session_replication_role TO megarouter_usage",
        "REVOKE SET ON PARAMETER session_replication_role FROM megarouter_usage", "may set session_replication_role",
        "could switch off the triggers of the session",
    ),
    "sessions start without triggers": (
        "ALTER ROLE megarouter_usage SET session_replication_role = replica", "ALTER ROLE megarouter_usage RESET ALL",
        "begins with session_replication_role=replica", None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ESCAPES)
async def test_a_role_that_could_escape_is_reported(owner: asyncpg.Connection, database_url: str, name: str) -> None:
    statement, undo, fault, attempt = ESCAPES[name]
    await owner.execute(statement)
    try:
        found = broken(await audit(database_url))["roles-confined"]
        tried = await try_break_outs(service_database_urls(database_url, {}), 200)
    finally:
        await owner.execute(undo)
    assert ("role megarouter_usage", fault) in {(breach.row, breach.fault) for breach in found.breaches}
    assert tried is not None
    if attempt:
        assert ("role megarouter_usage", attempt) in {(breach.row, breach.fault) for breach in tried.breaches}
    assert broken(await audit(database_url)) == {}
