"""A deployment without an identity provider gets its first operator from a command on the server."""

import asyncio
import datetime as dt
import os
import subprocess
import sys

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import organization_pb2

from gateway_core.runtime.settings import AdminSettings
from tests.contract.admin_service.conftest import PEPPER, running_service

ORGANIZATION = organization_pb2.CreateOrganizationRequest(
    organization=organization_pb2.Organization(display_name="Initech"), organization_id="initech"
)


@pytest.fixture
def environment(settings: AdminSettings) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("MEGAROUTER_")},
        "MEGAROUTER_LISTEN": "unix:/run/megarouter/sockets/admin.sock",
        "MEGAROUTER_ADMIN_DATABASE_URL": settings.admin_database_url.get_secret_value(),
        "MEGAROUTER_REDIS_URL": settings.redis_url.get_secret_value(),
        "MEGAROUTER_KEY_PEPPER": PEPPER,
        "MEGAROUTER_CATALOG_FILE": "/nonexistent",
        "MEGAROUTER_OPERATORS": "user:olivia user:oscar",
    }


async def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "admin_service.first_operator", *arguments]
    return await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


async def test_the_token_operates_and_creates_the_first_organization(
    environment: dict[str, str], settings: AdminSettings, owner: asyncpg.Connection
) -> None:
    done = await run(environment, "olivia", "--email", "olivia@acme.example", "--display-name", "Olivia")
    assert (done.returncode, "Issued to olivia, a new user, until " in done.stderr) == (0, True)
    [token] = done.stdout.split()
    metadata = [("authorization", f"Bearer {token}")]
    named = settings.model_copy(update={"operators": "user:olivia", "organization_creation": "operators"})
    async with running_service(named) as (_, client):
        made = await client.call("CreateOrganization", ORGANIZATION, metadata=metadata)
    assert made.name == "organizations/initech"
    [user] = await owner.fetch("SELECT email, display_name FROM users WHERE user_id = 'olivia'")
    assert tuple(user) == ("olivia@acme.example", "Olivia")


async def test_the_token_ends_when_a_sign_in_would_no_longer_operate(
    environment: dict[str, str], settings: AdminSettings, owner: asyncpg.Connection
) -> None:
    assert (await run(environment, "olivia")).returncode == 0
    life = await owner.fetchval("SELECT expire_time - create_time FROM access_tokens WHERE user_id = 'olivia'")
    assert life == dt.timedelta(hours=settings.super_admin_token_max_life_h)


async def test_the_operators_log_says_who_issued_it_and_not_the_token(
    environment: dict[str, str], owner: asyncpg.Connection
) -> None:
    done = await run(environment, "olivia")
    [entry] = await owner.fetch("SELECT user_id, method, after::text FROM operator_audit_log")
    assert (entry["user_id"], entry["method"]) == ("olivia", "megarouter.admin.v1.Deployment/IssueOperatorToken")
    assert '"account": ' in entry["after"]
    assert done.stdout.strip() not in entry["after"]


async def test_a_known_user_gets_another_token_and_keeps_the_name(
    environment: dict[str, str], owner: asyncpg.Connection
) -> None:
    first, second = [await run(environment, "olivia", "--display-name", name) for name in ("Olivia", "Other")]
    assert first.stdout != second.stdout
    assert "Issued to olivia, until " in second.stderr
    assert await owner.fetchval("SELECT display_name FROM users WHERE user_id = 'olivia'") == "Olivia"


async def test_a_user_whom_the_settings_do_not_name_gets_none(
    environment: dict[str, str], owner: asyncpg.Connection
) -> None:
    done = await run(environment, "mallory")
    assert (done.returncode, done.stdout) == (2, "")
    assert "MEGAROUTER_OPERATORS names olivia, oscar by id. Add `user:mallory` to it" in done.stderr
    assert await owner.fetchval("SELECT count(*) FROM users") == 0


async def test_an_address_of_another_user_is_refused_and_changes_nothing(
    environment: dict[str, str], owner: asyncpg.Connection
) -> None:
    await run(environment, "olivia", "--email", "olivia@acme.example")
    done = await run(environment, "oscar", "--email", "olivia@acme.example")
    assert (done.returncode, done.stdout) == (2, "")
    assert "another user has the address olivia@acme.example" in done.stderr
    assert await owner.fetchval("SELECT count(*) FROM users") == 1


async def test_without_the_pepper_of_the_deployment_nothing_is_issued(
    environment: dict[str, str], owner: asyncpg.Connection
) -> None:
    del environment["MEGAROUTER_KEY_PEPPER"]
    done = await run(environment, "olivia")
    assert (done.returncode, done.stdout) == (2, "")
    assert "MEGAROUTER_KEY_PEPPER" in done.stderr


async def test_a_database_that_is_away_is_an_error_without_its_password(environment: dict[str, str]) -> None:
    environment["MEGAROUTER_ADMIN_DATABASE_URL"] = "postgresql://megarouter_admin:very-secret@127.0.0.1:1/x"
    environment["MEGAROUTER_SCHEMA_WAIT_MS"] = "500"
    done = await run(environment, "olivia")
    assert (done.returncode, done.stdout) == (2, "")
    assert "the database refused: TimeoutError" in done.stderr
    assert "very-secret" not in done.stderr


async def test_a_token_operates_only_while_the_settings_name_its_user(
    environment: dict[str, str], settings: AdminSettings
) -> None:
    [token] = (await run(environment, "olivia")).stdout.split()
    creation = settings.model_copy(update={"organization_creation": "operators"})
    async with running_service(creation) as (_, client):
        metadata = [("authorization", f"Bearer {token}")]
        failure = await client.failure("CreateOrganization", ORGANIZATION, metadata=metadata)
    assert (failure.code, failure.reason) == (grpc.StatusCode.PERMISSION_DENIED, "OPERATOR_REQUIRED")
