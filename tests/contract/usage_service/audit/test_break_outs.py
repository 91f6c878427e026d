"""Nobody breaks out of a service's role: every attempt of the audit, over the service's own login; and the audit sees who could."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from deploy.local.stack.database_urls import login_url, service_database_urls
from gateway_core.schema.logins import SERVICE_URLS
from tests.contract.conftest import Databases
from tests.contract.usage_service.audit.books import audit, broken
from usage_service.audit.break_out_attempts import fault_of_attempt, fault_of_return, try_break_outs
from usage_service.audit.break_outs import ATTEMPTS, RETURNS, Attempt, Return

OWNER = "megarouter"


@pytest.fixture(scope="module")
async def shared_url(databases: Databases, template_database: str) -> AsyncIterator[str]:
    url = await databases.take(template_database)
    yield url
    databases.give_back(url)


@pytest.fixture(scope="module")
async def logins(shared_url: str) -> AsyncIterator[dict[str, asyncpg.Connection]]:
    """A session of each role. Attempts change nothing, so all of them share it."""
    opened = {role: await asyncpg.connect(login_url(shared_url, role)) for role in SERVICE_URLS}
    yield opened
    for connection in opened.values():
        await connection.close()


@pytest.mark.parametrize(
    ("role", "attempt"),
    [pytest.param(role, attempt, id=f"{role}-{attempt.name}") for role in ATTEMPTS for attempt in ATTEMPTS[role]],
)
async def test_an_attempt_to_break_out_is_refused(
    logins: dict[str, asyncpg.Connection], role: str, attempt: Attempt
) -> None:
    """Seen to succeed: each as the owner after SET ROLE NONE, which is how services connected before they logged in."""
    assert await fault_of_attempt(logins[role], attempt, OWNER) is None


@pytest.mark.parametrize("role", SERVICE_URLS)
@pytest.mark.parametrize("back", RETURNS, ids=lambda back: back.name)
async def test_a_reset_leaves_the_session_what_it_is(
    logins: dict[str, asyncpg.Connection], role: str, back: Return
) -> None:
    assert await fault_of_return(logins[role], role, back) is None


@pytest.mark.parametrize("role", SERVICE_URLS)
@pytest.mark.parametrize("other", SERVICE_URLS)
async def test_a_role_cannot_become_that_of_another_service(
    logins: dict[str, asyncpg.Connection], role: str, other: str
) -> None:
    if role != other:
        assert await fault_of_attempt(logins[role], Attempt("", f"SET ROLE {other}"), OWNER) is None


async def test_the_attempts_are_real(owner: asyncpg.Connection, database_url: str) -> None:
    """What is refused to a service succeeds, or meets only a guard in the data, for the owner."""
    succeeded = [
        attempt.name
        for attempt in {attempt.name: attempt for role in ATTEMPTS for attempt in ATTEMPTS[role]}.values()
        if await fault_of_attempt(owner, attempt, OWNER) is None
    ]
    assert succeeded == []


async def test_the_audit_makes_every_attempt_on_each_login_it_is_given(database_url: str) -> None:
    urls = service_database_urls(database_url, {})
    everything = await try_break_outs(urls, 20)
    assert everything is not None
    assert (everything.breach_count, everything.examined > 200) == (0, True)
    one = await try_break_outs({"MEGAROUTER_AUTHZ_DATABASE_URL": urls["MEGAROUTER_AUTHZ_DATABASE_URL"]}, 20)
    assert one is not None
    assert (one.breach_count, one.examined) == (0, len(ATTEMPTS["megarouter_authz"]) + len(RETURNS))
    assert await try_break_outs({"MEGAROUTER_DATABASE_URL": database_url}, 20) is None


async def test_a_service_that_logs_in_as_the_owner_is_named(database_url: str) -> None:
    finding = await try_break_outs({"MEGAROUTER_USAGE_DATABASE_URL": database_url}, 20)
    assert finding is not None
    assert [(breach.row, breach.fault) for breach in finding.breaches] == [
        ("role megarouter_usage", "its service logs in as megarouter")
    ]


async def test_a_session_of_the_owner_that_switched_to_a_service_s_role_is_named(database_url: str) -> None:
    """The way in which services connected before they logged in."""
    switched = await asyncpg.connect(
        database_url, server_settings={"role": "megarouter_authz", "application_name": "megarouter_authz listener"}
    )
    (breach,) = broken(await audit(database_url))["roles-confined"].breaches
    assert (breach.row, breach.fault) == ("role megarouter_authz", "is used by a session that logged in as megarouter")
    await switched.close()


ESCAPES = {
    "a superuser": (
        "ALTER ROLE megarouter_usage SUPERUSER", "ALTER ROLE megarouter_usage NOSUPERUSER", "is SUPERUSER",
        "could become the owner",
    ),
    "who may pass the wall": (
        "ALTER ROLE megarouter_usage BYPASSRLS", "ALTER ROLE megarouter_usage NOBYPASSRLS", "is BYPASSRLS",
        "could look over the wall",
    ),
    "a member of the owner": (
        "GRANT megarouter TO megarouter_usage", "REVOKE megarouter FROM megarouter_usage", "is a member of megarouter",
        "could become the owner",
    ),
    "who may switch off triggers": (
        "GRANT SET ON PARAMETER session_replication_role TO megarouter_usage",
        "REVOKE SET ON PARAMETER session_replication_role FROM megarouter_usage", "may set session_replication_role",
        "could switch off the triggers of the session",
    ),
    "whose sessions begin without triggers": (
        "ALTER ROLE megarouter_usage SET session_replication_role = replica", "ALTER ROLE megarouter_usage RESET ALL",
        "begins with session_replication_role=replica", None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ESCAPES)
async def test_a_role_that_could_break_out_is_named(owner: asyncpg.Connection, database_url: str, name: str) -> None:
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
